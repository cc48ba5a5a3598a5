"""The portal of an exchange in Django. Read `views` first, then `settings`."""
