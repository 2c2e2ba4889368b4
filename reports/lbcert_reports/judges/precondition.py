"""The judge of what could not be observed."""

from lbcert_reports.judges.registry import Judgement, judge
from lbcert_reports.verdicts import Verdict


@judge("precondition")
def precondition(*, unmet: str) -> Judgement:
    """Nothing can be said of a requirement, because what its observation stands on did not come about.

    It rests on no evidence: what the implementation did not do is the matter of another requirement's case.

    Args:
        unmet: what did not come about, in one sentence.
    """
    return Judgement(Verdict.INCONCLUSIVE, unmet)
