"""A project without our URLs."""

urlpatterns = []
