"""Evidence, journal, judges, verdicts and the report: everything downstream of an observation."""
