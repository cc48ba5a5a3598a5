"""A frontend that logs people in, and an API behind it that knows their rights."""
