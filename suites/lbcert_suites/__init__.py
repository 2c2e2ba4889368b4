"""What is required: the catalogue of requirements, and the cases that check them."""
