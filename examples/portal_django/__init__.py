"""The portal of an exchange, in Django: members' people log in with PeeringDB. Start
reading at `views`, then `settings`.
"""
