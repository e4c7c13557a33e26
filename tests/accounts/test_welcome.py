"""What `manage.py welcome` prints at the end of a start."""

from io import StringIO

from django.core.management import call_command


def test_the_table_says_where_everybody_logs_in(db, house, settings):
    out = StringIO()

    call_command("welcome", stdout=out)

    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert f"Operators (admin)  http://localhost:{settings.PORT}/admin/" in lines
    assert f"Twitter (sandbox)  http://twitter.localhost:{settings.PORT}/" in lines
    assert f"Northlight (agency) http://northlight.localhost:{settings.PORT}/" in lines
    assert f"Acme Air         http://care.acme.localhost:{settings.PORT}/" in lines
