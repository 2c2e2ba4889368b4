"""What all of lbcert's own tests share."""

from hypothesis import settings

# A machine that boots labs beside the tests is slow at times: that is no finding.
settings.register_profile("lbcert", deadline=None)
settings.load_profile("lbcert")
