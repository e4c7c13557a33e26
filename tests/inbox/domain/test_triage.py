import csv
import gzip
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.domain import triage
from inbox.domain.triage import Reading, assess_texts, language_of, polarity
from inbox.enums import Urgency

DATA = Path(__file__).parents[4] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared data is not here")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def reading(text, lang="en", *, follower_count=80, names_handle=True, is_reply=False):
    return Reading(text, lang, follower_count, names_handle, is_reply, NOON)


def assessment(text, lang="en", **more):
    [found] = assess_texts([reading(text, lang, **more)])
    return found


def rows(name):
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- urgency


@pytest.mark.parametrize(
    ("lang", "text", "reason"),
    [
        ("en", "@northwind we're stranded in Oslo with two kids, nobody at the desk", "says they are stranded"),
        ("en", "I've been stuck in the lift for 40 minutes", "says they are stranded"),
        ("en", "@northwind your charger caught fire on my desk", "reports fire, smoke, gas or a shock"),
        ("en", "There's a smell of gas since your engineer left", "reports fire, smoke, gas or a shock"),
        ("en", "My son was badly injured by your trolley", "says somebody is hurt or needs a doctor"),
        ("en", "You lost my bag and my insulin is in it", "needs medicine"),
        ("en", "My daughter is 9 and she is alone at the gate", "says a child is alone or missing"),
        ("en", "The driver threatened me and I don't feel safe", "says they are not safe"),
        ("en", "My card was stolen and someone is using it in Leeds", "says money or an account is being stolen"),
        ("en", "there are unauthorised transactions on my account", "says money or an account is being stolen"),
        ("en", "Locked out of my flat and your app says no", "is locked out or locked in"),
        ("en", "Boarding now and the app has lost my seat", "is about to travel"),
        ("en", "my train leaves in 20 minutes and the machine ate my ticket", "is about to travel"),
        ("en", "I might as well kill myself", "speaks of harming themselves"),
        ("de", "Wir sitzen seit gestern in Frankfurt fest", "says they are stranded"),
        ("de", "Meine Karte wurde gestohlen!", "says money or an account is being stolen"),
        ("de", "Hilfe, bin ausgesperrt", "is locked out or locked in"),
        ("es", "Estamos tirados en el aeropuerto de Bogotá", "says they are stranded"),
        ("es", "Me robaron la tarjeta", "says money or an account is being stolen"),
        ("fr", "On est bloqués à l'aéroport depuis hier soir", "says they are stranded"),
        ("fr", "Le chargeur a pris feu", "reports fire, smoke, gas or a shock"),
        ("pt", "Clonaram meu cartão, socorro", "says money or an account is being stolen"),
        ("pt", "Meu filho está sozinho no aeroporto", "says a child is alone or missing"),
        ("nl", "Mijn pinpas is gestolen", "says money or an account is being stolen"),
        ("nl", "We zitten al uren vast op Schiphol", "says they are stranded"),
        ("it", "Siamo bloccati in stazione a Bologna", "says they are stranded"),
        ("it", "C'è odore di gas in casa", "reports fire, smoke, gas or a shock"),
    ],
)
def test_stated_danger_is_looked_at_now(lang, text, reason):
    found = assessment(text, lang)

    assert found.urgency == Urgency.NOW
    assert reason in found.reasons


@pytest.mark.parametrize(
    ("lang", "text", "reason"),
    [
        ("en", "This is the third time I ask where order 8 is", "third contact about it, or more"),
        ("en", "I have called four times about this", "third contact about it, or more"),
        ("en", "This is my second email about it", "second contact about it"),
        ("en", "Still waiting for an answer", "is still waiting"),
        ("en", "The app crashed again, terrible", "says it happened again"),
        ("en", "You will hear from my lawyer", "speaks of legal steps"),
        ("en", "Shall I go to the press with this", "speaks of the press"),
        ("en", "I need it for my interview this afternoon", "is pressed for time"),
        ("en", "Going to cancel my subscription", "speaks of leaving"),
        ("en", "We have no hot water", "says they are cut off"),
        ("en", "This is the worst, most disgusting service ever", "is very unhappy"),
        ("de", "Ich warte immer noch auf eine Antwort", "is still waiting"),
        ("de", "Das geht jetzt an meinen Anwalt", "speaks of legal steps"),
        ("es", "Es la tercera vez que escribo", "third contact about it, or more"),
        ("fr", "Toujours pas de réponse", "is still waiting"),
        ("pt", "Já liguei e nada", "second contact about it"),
        ("nl", "Nog steeds geen reactie", "is still waiting"),
        ("it", "Ancora nessuna risposta", "is still waiting"),
    ],
)
def test_repetition_threats_and_time_pressure_are_looked_at_soon(lang, text, reason):
    found = assessment(text, lang)

    assert found.urgency == Urgency.SOON
    assert reason in found.reasons


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "@northwind do you ship to Portugal?"),
        ("en", "@northwind how do I change my address"),
        ("de", "Wie kann ich meine Adresse ändern?"),
        ("es", "¿Hacéis envíos a Canarias?"),
        ("ja", "住所を変更したいです"),
    ],
)
def test_an_ordinary_question_is_normal(lang, text):
    assert assessment(text, lang) == assessment(text, lang)._replace(urgency=Urgency.NORMAL, reasons=())


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "@northwind thank you so much!"),
        ("en", "@northwind ty ❤️"),
        ("en", "Lovely flight with @northwind, the crew was so friendly"),
        ("de", "Vielen Dank für die schnelle Antwort!"),
        ("es", "Muchas gracias, excelente"),
        ("fr", "Merci beaucoup !"),
        ("pt", "Muito obrigado!"),
        ("nl", "Bedankt, top"),
        ("it", "Grazie mille!"),
    ],
)
def test_thanks_and_praise_alone_are_calm(lang, text):
    found = assessment(text, lang)

    assert found.urgency == Urgency.CALM
    assert len(found.reasons) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, but the parcel is still not here",
        "Thanks for losing my bag",
        "Great service, can you send me the receipt",
        "Thank you! When does it open?",
    ],
)
def test_thanks_with_something_behind_them_are_not_calm(text):
    assert assessment(text).urgency > Urgency.CALM


@pytest.mark.parametrize(
    "text",
    [
        "You guys are on fire today, love the new album",
        "This song is to die for",
        "I have to charge my phone 3 times a day, is that normal?",
        "I'm legally blind, which entrance should I use?",
        "Thanks again!",
        "Do you sell fire alarms and gas cookers?",
        "@FireAndGasHelp do you ship to Spain?",
        "see https://example.com/stranded/injured for the book I mean",
        "Is the child seat included?",
        "I am locked in a contract until May, can I move house?",
        "@northwind I followed you, why was I followed back?",
        "How many times may I change the date?",
        "Do you sell insulin coolers?",
    ],
)
def test_words_that_only_sound_like_danger_are_left_alone(text):
    assert assessment(text).urgency <= Urgency.NORMAL


def test_the_gravest_reason_comes_first():
    found = assessment("Third time I write: your heater is smoking")

    assert found.reasons == ("reports fire, smoke, gas or a shock", "third contact about it, or more")


def test_an_unhappy_person_whom_many_read_is_looked_at_soon():
    text = "@northwind my parcel is late"

    assert assessment(text).urgency == Urgency.NORMAL
    assert assessment(text, follower_count=250_000).reasons == ("is unhappy and read by many",)
    assert assessment("@northwind where is your shop?", follower_count=250_000).urgency == Urgency.NORMAL


def test_a_tweet_that_asks_us_nothing_is_calm_only_when_it_does_not_name_us():
    text = "Off to the northwind shop this weekend"

    assert assessment(text, names_handle=False).reasons == ("asks us nothing",)
    assert assessment(text).urgency == Urgency.NORMAL


def test_what_somebody_is_says_nothing_about_their_urgency():
    for text in ("I am a muslim and a nurse", "As a gay man from Ghana I vote green", "I earn little"):
        found = assessment(text)

        assert (found.urgency, found.reasons) == (Urgency.NORMAL, ())


def test_missing_accents_and_curly_apostrophes_are_read_the_same():
    assert assessment("On est bloques a l’aeroport", "fr").urgency == Urgency.NOW
    assert assessment("I can’t get home").reasons == assessment("I can't get home").reasons


# --- language


def test_twitters_word_for_the_language_counts():
    assert language_of("Merci", "fr") == "fr"
    assert language_of("Merci", "pt-BR") == "pt"
    assert language_of("selamat", "in") == "id"


@pytest.mark.parametrize("lang", [None, "", "und", "zxx", "qme", "qht"])
def test_the_language_is_guessed_where_twitter_did_not_say(lang):
    assert language_of("@northwind Wann kommt mein Paket endlich an?", lang) == "de"
    assert language_of("@northwind when will my parcel finally arrive?", lang) == "en"


def test_a_text_without_words_has_no_language():
    assert language_of("@northwind 😡😡 https://t.co/abcdef 123") == "und"
    assert language_of("") == "und"


@needs_shared_data
def test_english_is_told_from_other_languages_most_of_the_time():
    labelled = rows("umass_langid_10502.csv.gz")
    english = [language_of(row["Tweet"]) == "en" for row in labelled if row["Definitely English"] == "1"]
    other = [language_of(row["Tweet"]) != "en" for row in labelled if row["Definitely Not English"] == "1"]

    # Measured 0.833 and 0.976. Many of the English ones are a word or a place name.
    assert sum(english) / len(english) > 0.81
    assert sum(other) / len(other) > 0.96


# --- polarity


@pytest.mark.parametrize(
    ("lang", "bad", "good"),
    [
        ("en", "Terrible, my flight was cancelled", "Wonderful crew, thank you"),
        ("de", "Katastrophe, unfähig und unverschämt", "Super schnell und freundlich, danke"),
        ("es", "Pésimo servicio, una vergüenza", "Excelente, muy amables"),
        ("fr", "Service nul, c'est honteux", "Parfait, merci, équipe géniale"),
        ("pt", "Péssimo, uma vergonha", "Ótimo atendimento, adorei"),
        ("nl", "Waardeloos, belachelijk slecht", "Geweldig, heel vriendelijk"),
        ("it", "Pessimo, che schifo", "Ottimo, bravissimi"),
        ("ja", "😡😡", "🥰👏"),
    ],
)
def test_anger_is_below_and_delight_above_nothing(lang, bad, good):
    assert polarity(bad, lang) <= -0.4
    assert polarity(good, lang) >= 0.4


def test_a_negation_turns_a_word_round():
    assert polarity("Das ist nicht gut", "de") < 0 < polarity("Das ist gut", "de")
    assert polarity("non è buono", "it") < 0 < polarity("è buono", "it")


def test_a_brands_name_is_no_feeling():
    assert polarity("@LoveHappyBest where is it", "en") == polarity("@Northwind where is it", "en")


@needs_shared_data
def test_polarity_agrees_with_people_on_airline_tweets():
    clear = [
        (row["airline_sentiment"], polarity(row["text"], "en"))
        for row in rows("airline_sentiment_4.csv.gz")
        if row["airline_sentiment"] != "neutral" and row["airline_sentiment_confidence"] == "1"
    ]
    angry = sorted(value for label, value in clear if label == "negative")
    pleased = [value for label, value in clear if label == "positive"]
    above = sum(bisect_left(angry, value) + bisect_right(angry, value) for value in pleased) / 2

    # Measured: a pleased one is above an angry one in 0.944 of pairs; 0.921 and 0.815 fall on the right side.
    assert above / len(pleased) / len(angry) > 0.93
    assert sum(value > 0.05 for value in pleased) / len(pleased) > 0.90
    assert sum(value <= 0.05 for value in angry) / len(angry) > 0.79


# --- all of it


@given(
    st.lists(
        st.tuples(st.text(max_size=200), st.sampled_from([None, "en", "de", "fr", "it", "ja", "und", "xx", "zh-tw"])),
        max_size=5,
    )
)
def test_every_text_is_assessed_and_alone_as_in_company(texts):
    readings = [reading(text, lang) for text, lang in texts]

    together = assess_texts(readings)

    assert together == [assess_texts([one])[0] for one in readings]
    for found in together:
        assert -1 <= found.polarity <= 1
        assert found.language
        assert found.urgency in Urgency
        assert found.reasons or found.urgency == Urgency.NORMAL


# --- the short way to signs


@needs_shared_data
@pytest.mark.parametrize("language", sorted(triage._LANGUAGES))
def test_signs_that_are_looked_for_by_their_first_letters_are_those_of_the_whole_list(language):
    listener = triage._listener(language)
    expression, signs = listener._everywhere
    texts = [row["text"] for row in rows("airline_sentiment_4.csv.gz")]
    folded = [triage._fold(triage._plain(text), language) for text in texts]

    for text in folded:
        assert listener.hear(text) == [signs[match.lastindex - 1] for match in expression.finditer(text)]
