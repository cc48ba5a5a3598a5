"""The settings of a Django project without anything; a test brings its page."""

SECRET_KEY = "one-page-0123456789abcdef0123456789abcdef"
ALLOWED_HOSTS = ["testserver"]
