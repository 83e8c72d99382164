"""Which language a dialogue and each of its turns is in, so that no voice speaks one that it does not know."""

import pytest

from moshi_assets.reading import detect_language, read, read_dialogue

ANOTHER = "another language"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("es", ["Hola.", "Hola."]),
        ("es", ["mucho gusto", "igualmente"]),
        ("pt", ["Obrigado", "De nada"]),
        ("de", ["Guten Tag", "Guten Tag"]),
        ("it", ["Ciao!", "Ciao bella!"]),
        ("fr", ["Salut", "Salut !"]),
        ("sv", ["Tack", "Vars\u00e5god"]),
        ("no", ["Hva heter du?", "Jeg heter Ola."]),
        ("pl", ["Kt\u00f3ra jest godzina?", "Jest trzecia."]),
        ("tr", ["Saat ka\u00e7?", "Saat \u00fc\u00e7."]),
        ("vi", ["M\u1ea5y gi\u1edd r\u1ed3i?", "Ba gi\u1edd."]),
        ("cs", ["Kolik je hodin?", "Jsou t\u0159i hodiny."]),
        ("hu", ["Szia!", "Szia, hogy vagy?"]),
        ("hr", ["Koliko je sati?", "Tri sata."]),
        ("fi", ["Paljonko kello on?", "Kello on kolme."]),
        ("tl", ["Kumusta ka?", "Mabuti naman ako, salamat. Ikaw?"]),
        ("sw", ["Habari yako?", "Nzuri sana, asante. Unatoka wapi?"]),
        ("ca", ["Quina hora \u00e9s?", "S\u00f3n les tres. Gr\u00e0cies."]),
        ("lt", ["Kiek valand\u0173?", "Trys valandos. A\u010di\u016b."]),
        ("hi", ["Kya haal hai?", "Main theek hoon, aap kaise ho?"]),
        ("ja", ["Konnichiwa! Genki desu ka?", "Hai, genki desu."]),
    ],
)
def test_short_dialogues_and_those_of_rarer_languages_are_told_from_english(language: str, texts: list[str]):
    assert detect_language(texts) == language


@pytest.mark.parametrize(
    "texts",
    [
        ["Hasta la vista, baby.", "Ha, Terminator!"],
        ["C'est magnifique!", "I agree."],
        ["Gracias!", "De nada.", "Wait, you speak Spanish?"],
        ["I met Jos\u00e9 Mu\u00f1oz and Zo\u00eb M\u00fcller in S\u00e3o Paulo.", "And \u0141ukasz?"],
        ["El Ni\u00f1o", "La Ni\u00f1a"],
        ["Ella Fitzgerald", "Otis Redding"],
        ["We ate cr\u00e8me br\u00fbl\u00e9e at a caf\u00e9.", "Was it d\u00e9j\u00e0 vu?"],
        ["Die!", "No, you die!"],
        ["Man, was he good!", "So was sie."],
        ["Let x = y and z = w.", "Solve for y."],
        ["Eggs, milk, bread, butter, cheese, flour, sugar, salt.", "Got it."],
    ],
)
def test_names_and_borrowed_words_make_no_other_language(texts: list[str]):
    assert detect_language(texts) == "en"


@pytest.mark.parametrize(
    ("language", "turn"),
    [
        ("es", "Tengo dos hermanos y una hermana."),
        ("de", "Ich habe heute keine Zeit."),
        ("fr", "Je voudrais un caf\u00e9, s'il vous pla\u00eet."),
        ("nl", "Ik hou van kaas en het weer is mooi vandaag."),
    ],
)
def test_a_turn_that_is_clearly_in_another_language_says_so(language: str, turn: str):
    said = read(turn, "en")

    assert said.language == language
    assert [finding.kind for finding in said.findings if finding.outcome == "suspicious"][-1:] == [ANOTHER]


@pytest.mark.parametrize(
    "turn", ["Hasta la vista, baby.", "Mamma mia!", "Let's go to the Plaza del Sol.", "Man, was he so good!"]
)
def test_an_english_turn_with_a_borrowed_word_is_plain(turn: str):
    said = read(turn, "en")

    assert (said.language, said.findings) == ("", ())


@pytest.mark.parametrize(
    "turn", ["Guten Morgen!", "Tengo 3 gatos.", 'It means "\u00bfd\u00f3nde est\u00e1 mi hermano?", I think.']
)
def test_a_few_words_of_another_language_are_named(turn: str):
    assert ANOTHER in [finding.kind for finding in read(turn, "en").findings if finding.outcome == "suspicious"]


def test_a_chinese_turn_of_an_english_dialogue_is_read_in_chinese():
    language, said = read_dialogue(
        ["Can you say it in Chinese? I have 3 apples for $5.", "\u6211\u67093\u4e2a\u82f9\u679c\u3002"]
    )

    assert language == "en"
    assert said[0].spoken.endswith("three apples for five dollars.")
    assert said[1].spoken == "\u6211\u6709\u4e09\u4e2a\u82f9\u679c\u3002"


def test_an_english_turn_of_a_chinese_dialogue_is_read_in_english():
    language, said = read_dialogue(
        ["\u4f60\u4f1a\u8bf4\u82f1\u8bed\u5417?", "Yes, I do. It costs $5.", "\u592a\u597d\u4e86\uff0c3\u4e2a\uff01"]
    )

    assert language == "zh"
    assert [each.spoken for each in said[1:]] == [
        "Yes, I do. It costs five dollars.",
        "\u592a\u597d\u4e86\uff0c\u4e09\u4e2a\uff01",
    ]


@pytest.mark.parametrize(("language", "words"), [("en", "ten percent."), ("zh", "\u767e\u5206\u4e4b\u5341.")])
def test_a_turn_without_words_stays_in_its_dialogues_language(language: str, words: str):
    assert read("10%.", language).spoken == words
