"""Chaos Toolkit experiments with a load balancer in a standing lab, and what they are made of.

| module | what it holds |
|---|---|
| `experiments/` | the experiments, one YAML file each: ``chaos run FILE`` |
| `catalogue` | their names, places and titles |
| `controls` | sets the bench up before an experiment, watches during it, writes what was seen into its journal |
| `bench` | the lab that an experiment stands on, the implementation in it, and the faults that stand |
| `arrangement` | the Services and backends that an experiment disturbs |
| `observers` | what watches from before the first hypothesis until after the last rollback |
| `faults` | actions: each injects one fault and returns the proof that it happened |
| `steady_state` | probes of the hypotheses: judged on what the observers saw |
| `recovery` | rollbacks: heal what still stands, and prove that the lab is as it was |

Which lab and which implementation is said by the experiment's configuration: ``LBCERT_LAB`` and ``LBCERT_PROFILE``
in the environment, see `bench.Choice`.
"""
