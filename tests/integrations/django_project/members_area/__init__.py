"""A Django project that uses the integration in every way that the tests need."""
