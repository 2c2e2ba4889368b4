"""BGP announcement."""
