"""Detection of a dialogue's language by its letters and its most frequent words, to recognise what a voice can
speak.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_SCRIPTS = {
    "ja": "\u3040-\u30ff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "ru": "\u0400-\u052f",
    "ar": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "hi": "\u0900-\u097f",
    "el": "\u0370-\u03ff",
    "he": "\u0590-\u05ff",
    "th": "\u0e00-\u0e7f",
    "bn": "\u0980-\u09ff",
    "ta": "\u0b80-\u0bff",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f",
}
_NAMES = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Cyrillic",
    "ar": "Arabic",
    "hi": "Hindi",
    "el": "Greek",
    "he": "Hebrew",
    "th": "Thai",
    "bn": "Bengali",
    "ta": "Tamil",
    "ka": "Georgian",
    "hy": "Armenian",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "sv": "Swedish",
    "da": "Danish",
    "pl": "Polish",
    "tr": "Turkish",
    "id": "Indonesian",
    "vi": "Vietnamese",
    "cs": "Czech",
    "ro": "Romanian",
    "fi": "Finnish",
}
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_LETTERS = {
    language: re.compile(f"[{letters}]") for language, letters in {**_SCRIPTS, "zh": _HAN, "en": _LATIN}.items()
}
_WORDS = {
    "en": "the a an and are is was it you i to of in that this do does what how not my your we have be can for on "
    "with at me no yes he she they them him her his their our us who which when where why there here if or but "
    "so because than then by from about out up will would could should has had did been were am all any some "
    "one more very just know think want get go let like please hello hi thanks thank oh okay it's i'm that's "
    "don't can't as um come die also bin den son pour per con van ten over men time bang far dig sin may make "
    "pan ne een kan sang ham man arm era these those its own only into after again before other such most same "
    "too two new good well see say said tell much many every never always really little long day way people "
    "thing",
    "de": "der die das und ist nicht ein eine ich du wie was es wir sie mit auf für zu den dem von auch ja nein sind "
    "bin habe kann uhr er ihr mein dein kein keine einen einer im am aber oder wenn wer wo warum hast hat bist "
    "war mich dich mir dir uns gut sehr noch nur schon danke bitte hallo dass als aus bei nach werden wird "
    "sich um so immer möchte heute",
    "es": "el la los las y es son un una qué que de en no se por con para cómo estoy está hola gracias sí su mi tu "
    "pero muy cinco hora del lo le te me al como más eres ser tiene tienes quién quien dónde cuándo cuál cual "
    "porque nada todo bien yo ella nosotros esto eso hay fue ha soy usted buenos buenas días si o sus puedo "
    "puedes",
    "fr": "le la les et est un une des je tu vous il elle nous que qui ne pas de du en pour avec bonjour merci oui "
    "non c'est j'ai dans ce cette au aux sur suis es sont mais ou où quel quelle quoi comment pourquoi mon ton "
    "son ma ta sa mes votre vos très bien plus tout être avoir fait peut peux aime moi toi lui leur se par "
    "d'un d'une qu'est l'on n'est ça va",
    "it": "il lo gli e è un una che di non sono per con come ciao grazie sì mi ti ho hai questo della nel ma anche "
    "la le i del dei delle al alla si sei ha chi cosa cos'è perché dove quando quale qual molto bene mio tuo "
    "essere fare tutto più se io tu lui lei noi da in su dal nella quanto ne ci era stato posso puoi",
    "pt": "o os as e é um uma que de não em para com como você eu obrigado sim está isso meu minha mas muito bom dia "
    "do da dos das no na nos nas se por ao à mais são sou ser tem quem qual onde quando porque seu sua ele ela "
    "foi ou tudo bem ter pode posso te me",
    "nl": "de het een en is ik je niet van dat wat hoe waar wie ben bent zijn hebt heb heeft met voor op te aan die "
    "dit er ook maar als wel geen mijn jouw uw ze wij hij kan kun kunt naar om bij nog goed dank hallo "
    "goedemorgen ja nee waarom dan over zo mij moet wordt door uit",
    "sv": "och att det är en ett jag du inte som på för med av den till har vad hur kan mig dig vi ni han hon om var "
    "hej tack ja nej ska vill min din från eller men så mycket bra när vem sig vara varför detta där här heter "
    "mår",
    "da": "og at det er en et jeg du ikke som på for med af den til har hvad hvordan kan mig dig vi han hun om var "
    "hej tak ja nej skal vil min din fra eller men så meget godt når hvem sig være hvorfor dette der her",
    "pl": "i w nie się na to jest że z do co jak tak czy ja ty mi mnie ci dla po od za ale jestem masz mam może "
    "dzień dobry dziękuję proszę ma był być jego jej tym już tylko gdzie kto kiedy dlaczego",
    "tr": "ve bir bu ne mi mı mu mü ben sen o için çok da de ile nasıl nasılsın evet hayır merhaba teşekkürler var "
    "yok değil daha gibi kadar benim senin bana sana olan olarak nedir kim nerede neden ama iyi misin",
    "id": "yang dan di ke dari itu ini saya anda aku kamu tidak apa adalah untuk dengan ada bisa akan bagaimana "
    "siapa mengapa kenapa terima kasih selamat pagi ya dalam pada juga atau lebih sangat sudah belum mana oleh "
    "seperti karena",
    "vi": "là không có của và tôi bạn cho được một các này đó gì nào với người xin chào cảm ơn em anh rất thế ở đi",
    "cs": "je se že na to jak co ne ano jsem jsi mám máš pro není ale já ty mi tě dobrý den děkuji prosím proč kde "
    "kdo kdy který jako být byl už ještě",
    "ro": "și este nu un o în de la cu pe ce cum eu tu mă te mai sunt ești bună mulțumesc da pentru din că dar unde "
    "cine când foarte",
    "fi": "ja on ei se en että mitä miten minä sinä hän olen olet hei kiitos kyllä mutta kun niin ole myös tämä mikä "
    "missä kuka miksi hyvää",
}
"""The smallest words of a language. Those of others that are English too stand with the English ones as well, so that
they say nothing.
"""
_FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
ENGLISH_WORDS = _FUNCTION_WORDS["en"]
FOREIGN_WORDS = frozenset[str]().union(*_FUNCTION_WORDS.values()) - _FUNCTION_WORDS["en"]
"""Words whose absence marks a text in Latin letters as English."""
_HAN_WEIGHT = 3
"""A Chinese character says about as much as three letters."""


def language_name(language: str) -> str:
    """`zh` -> "Chinese"."""
    return _NAMES.get(language, language)


def detect_language(texts: Iterable[str], default: str = "en") -> str:
    """Language of a dialogue, over all its turns; `default` where it holds no letter ("$3.50.").

    Only what a voice's reader must know is told apart: scripts, and among those in Latin letters, the language of
    whose smallest words the most are there. English wins a tie.
    """
    text = "\n".join(texts)
    if text.isascii():
        letters = Counter({"en": sum(map(str.isalpha, text))})
    else:
        letters = Counter({language: len(pattern.findall(text)) for language, pattern in _LETTERS.items()})
        letters["zh"] *= _HAN_WEIGHT
        if letters["ja"] and letters["ja"] * 10 >= letters["zh"] / _HAN_WEIGHT:  # kana among Chinese characters
            letters["ja"] += letters.pop("zh")
    language, count = letters.most_common(1)[0]
    if not count:
        return default
    return _by_words(text) if language == "en" else language


_WORD = re.compile(
    rf"(?<![\w.@/'-])(?:(?<=\n)|(?<=[.!?\u2026\u00a1\u00bf\"\u201c] )|^|\b(?=[a-z\u00df-\u00f6\u00f8-\u00ff]))"
    rf"[{_LATIN}']+(?![@/-]|\.\w)",
    re.MULTILINE,
)
"""A word that is written small or begins a sentence: "Los Angeles", "example.com" and "e-mail" say nothing."""


_OF_NAMES = frozenset({"los", "las", "el", "la", "le", "de", "du", "da", "san"})


def _by_words(text: str) -> str:
    """The language with the most of the words that are there, each counted once: "die, die" is no German.

    One of them is to be no part of names: "Los Angeles or Las Vegas?" is no Spanish.
    """
    words = {word.casefold() for word in _WORD.findall(text.casefold() if text.isupper() else text)}
    counts = {language: len(words & known) for language, known in _FUNCTION_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    speaks = words & _FUNCTION_WORDS[best] - _FUNCTION_WORDS["en"] - _OF_NAMES
    return best if counts[best] >= 2 and counts[best] > counts["en"] and speaks else "en"
