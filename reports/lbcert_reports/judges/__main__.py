"""Prints the page ``docs/judges.md``.

python -m lbcert_reports.judges > docs/judges.md
"""

import sys

from lbcert_reports.judges.handbook import describe

if __name__ == "__main__":
    sys.stdout.write(describe())
