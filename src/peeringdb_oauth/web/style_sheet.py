"""The style sheet of our pages and of the login button, as a file of the site.

Styles in the pages themselves would need an exception in a strict
Content-Security-Policy. A file of the same site is what ``style-src 'self'`` allows.
"""

from hashlib import sha256
from pathlib import Path

STYLE_SHEET = (Path(__file__).parent / "style.css").read_text("utf-8")
STYLE_SHEET_HEADERS = {
    "Content-Type": "text/css; charset=utf-8",
    "Cache-Control": "public, max-age=86400",
    "X-Content-Type-Options": "nosniff",
}
# In the URL, so that browsers notice another version.
STYLE_SHEET_VERSION = sha256(STYLE_SHEET.encode()).hexdigest()[:8]
