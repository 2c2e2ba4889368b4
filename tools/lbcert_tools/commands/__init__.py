"""The commands of ``lbcert``, a module per topic."""
