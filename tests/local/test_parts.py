from config.local import parts


def test_what_answers_the_network_is_not_told_the_owners_address():
    names = ("PAGES_PORT", "LIVE_PORT", "SANDBOX_PORT", "PORT", "BASE_DOMAIN", "HOME", "DATABASE_URL")
    env = {f"NIGHTJAR_{name}": "1" for name in names} | {"NIGHTJAR_OWNER_DATABASE_URL": "postgres://owner:secret@x/y"}

    told = {part.name for part in parts.application_parts(env) if "secret" in str(part.env)}

    assert told == {"worker", "slow"}
