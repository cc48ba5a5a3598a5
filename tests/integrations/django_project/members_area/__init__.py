"""A Django project as a user of the integration writes one."""
