"""Text normalisers on the table of written and spoken pairs: `python -m benchmarks.reading_candidates [--wrong NAME]`.

What is not installed is passed over. For all of them:
pip install kitten-text-processing damga num2words cn2an
"""

from __future__ import annotations

import argparse
import contextlib
import re
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from .reading_table import Pair, kinds, read_table, score

Reader = Callable[[str], str]
SECONDS = 1.0
"""Least time that a speed is measured over."""


def _ours(language: str) -> Reader:
    from moshi_assets.reading.read import forget, read

    def once(text: str) -> str:
        forget()  # every text as if it were new
        return read(text, language).spoken

    return once


def _wetext(language: str) -> Reader:
    from indextts.text import grammars

    return grammars.english() if language == "en" else grammars.chinese()


def _front_end(language: str) -> Reader:
    from indextts.text.normalize import TextNormalizer

    return TextNormalizer().normalize


def _hibari(language: str) -> Reader:
    """Its rewriting, then the words that its lexicon layer makes of plain numbers, signs and amounts."""
    from hibari.g2p import G2P

    g2p = G2P()

    def read(text: str) -> str:
        from hibari.g2p.normalize import normalize

        return _with_numbers(g2p, normalize(text))

    return read


def _with_numbers(g2p, text: str) -> str:
    """hibari reads numbers straight to phonemes: those are looked up by the words that its own table of numbers
    gives.
    """
    from hibari.g2p import numbers

    def amount(match: re.Match[str]) -> str:
        sign, digits, suffix = match.group(1) or "", match.group(2).replace(",", ""), match.group(3) or ""
        whole, _, part = digits.partition(".")
        if len(whole) > 15 or not whole:
            return match.group()
        if suffix in ("st", "nd", "rd", "th"):
            return numbers.ordinal(int(whole))
        year = len(whole) == 4 and not part and "," not in match.group(2) and not sign and 1100 <= int(whole) < 2100
        words = numbers.year(int(whole)) if year and hasattr(numbers, "year") else numbers.cardinal(int(whole))
        if sign:
            one, many, cents = {"$": ("dollar", "dollars", "cents"), "\u00a3": ("pound", "pounds", "pence")}.get(
                sign, ("euro", "euros", "cents")
            )
            words += f" {one if int(whole) == 1 else many}"
            if part:
                words += f" and {numbers.cardinal(int(part))} {cents}"
        elif part:
            words += " point " + " ".join(numbers.cardinal(int(digit)) for digit in part)
        return words + (" percent" if suffix == "%" else "")

    return re.sub(r"([$\u00a3\u20ac])?(\d[\d,]*(?:\.\d+)?)(st|nd|rd|th|%)?", amount, text)


def _nemo(language: str) -> Reader:
    from kitten_text_processing import normalize_text

    return lambda text: normalize_text(text, locale={"en": "en-US", "zh": "zh-CN"}[language])


def _damga(language: str) -> Reader:
    from damga import Normalizer

    normalizer = Normalizer("tn", language)
    return lambda text: normalizer.normalize(text)


def _num2words(language: str) -> Reader:
    from num2words import num2words

    def words(match: re.Match[str]) -> str:
        digits = match.group(1).replace(",", "")
        if match.group(2):
            return str(num2words(int(digits), to="ordinal"))
        return str(num2words(float(digits) if "." in digits else int(digits)))

    return lambda text: re.sub(r"(\d[\d,]*(?:\.\d+)?)(st|nd|rd|th)?\b", words, text)


def _cn2an(language: str) -> Reader:
    import cn2an

    return lambda text: cn2an.transform(text, "an2cn")


CANDIDATES: dict[str, tuple[str | None, str, Callable[[str], Reader]]] = {
    "moshi_assets.reading": (None, "en zh", _ours),
    "WeTextProcessing": ("WeTextProcessing", "en zh", _wetext),
    "IndexTTS2's front end (with WeTextProcessing)": ("WeTextProcessing", "en zh", _front_end),
    "hibari-tts": ("hibari-tts", "en", _hibari),
    "NeMo text processing (by kitten-text-processing)": ("kitten-text-processing", "en zh", _nemo),
    "damga": ("damga", "en", _damga),
    "num2words (each number alone)": ("num2words", "en", _num2words),
    "cn2an.transform": ("cn2an", "zh", _cn2an),
}
"""Name -> distribution, languages, and what makes a reader of a language."""


def speed(read: Reader, pairs: list[Pair]) -> float:
    """Texts a second of processor time, over the table again and again."""
    begin, done = time.process_time(), 0
    while (passed := time.process_time() - begin) < SECONDS:
        for pair in pairs:
            with contextlib.suppress(Exception):
                read(pair.written)
        done += len(pairs)
    return done / passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", metavar="NAME", help="print what this candidate reads wrongly")
    parser.add_argument("--kinds", action="store_true", help="a column for each kind")
    options = parser.parse_args()
    table = read_table()
    for language in ("en", "zh"):
        by_kind = kinds(table, language)
        pairs = [pair for group in by_kind.values() for pair in group]
        print(f"\n{language}: {len(pairs)} pairs, {len(by_kind)} kinds")
        for name, (distribution, languages, make) in CANDIDATES.items():
            if language not in languages or (options.wrong and options.wrong != name):
                continue
            try:
                read = make(language)
                release = version(distribution) if distribution else ""
            except (ImportError, PackageNotFoundError) as error:
                print(f"  {name}: not installed ({error})")
                continue
            whole = score(pairs, read)
            print(
                f"  {name} {release}: {whole.right} of {whole.total}, {whole.share:.1%}, {speed(read, pairs):.0f} "
                f"texts/s"
            )
            if options.kinds:
                print(
                    "    " + ", ".join(f"{k} {s.right}/{s.total}" for k, g in by_kind.items() if (s := score(g, read)))
                )
            if options.wrong:
                for pair, reading in whole.wrong:
                    print(f"    [{pair.kind}] {pair.written!r} -> {reading!r}, not {pair.spoken[0]!r}")


if __name__ == "__main__":
    main()
