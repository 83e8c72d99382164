"""Names by which a line says who speaks: given names, kin, titles. What may head an entry of a list is not here."""

from __future__ import annotations

_GIVEN = (
    "aaron abby abigail adam adrian ahmed aisha alan albert alejandro alex alexander alexandra alfred alice alicia "
    "allison amanda amelia amy ana andre andrea andrew andy angela anita ann anna anne annie anthony anton antonio "
    "arthur barbara beatrice becky ben benjamin bernard beth betty bob bobby boris brad brandon brenda brian bruce "
    "bryan calvin camila carl carla carlos carmen carol caroline catherine cathy cecilia charles charlie chen chloe "
    "chris christina christine christopher cindy claire clara colin connie craig cynthia dan daniel danny darren "
    "dave david debbie deborah debra denise dennis derek diana diane diego dmitri dominic donald donna doris "
    "dorothy doug douglas dylan earl ed eddie edgar edith edward edwin eileen elaine eleanor elena eli elizabeth "
    "ella ellen ellie elliot elsa emily emma eric erica erik erin ernest ethan eugene eva evan evelyn fatima felix "
    "fernando fiona francesca francis francisco fred gabriel gabriela gary gavin geoffrey george gerald gina "
    "giovanni gloria gordon greg gregory gwen hannah hans harold harry hassan hector heidi helen henry herbert "
    "hiroshi holly howard hugh hugo ian ibrahim igor ingrid irene isaac isabel isabella isabelle ivan jacob "
    "jacqueline jake james jamie jan jane janet janice jason javier jay jean jeff jeffrey jennifer jenny jeremy "
    "jerome jerry jesse jessica jill jim jimmy joan joanna joe joel john johnny jon jonathan jorge jose josef "
    "joseph josh joshua joyce juan juanita judith judy julia julian julie justin kai karen karl kate katherine "
    "kathleen kathy katie kayla keith kelly ken kenji kenneth kevin kim kimberly klaus kurt kyle larry laura lauren "
    "laurie lawrence leo leon leonard leslie liam linda lisa logan lois lorenzo louis louise lucas lucia lucy luis "
    "luke maggie malik manuel marco marcus margaret maria marie mario marion martha martin marvin mary matt matthew "
    "maureen max mei melanie melissa mia michael michelle miguel mike mohammed molly monica muhammad nadia nancy "
    "naomi natalie natasha nathan neil nicholas nick nicolas nicole nina noah noel nora norman oleg olga oliver "
    "olivia omar oscar owen pablo pam pamela patricia patrick paul paula pauline pedro peggy pete peter phil philip "
    "phillip phyllis pierre priya rachel rafael raj rajesh ralph ramon randy raul ray raymond rebecca ricardo "
    "richard rick ricky rita rob robert roberto robin rodney roger roland ron ronald rosa rosemary ross roy russell "
    "ruth ryan sally sam samantha samir samuel sandra sandy sanjay santiago sara sarah sasha scott sean sebastian "
    "sergio seth shane shannon sharon shawn sheila shirley simon sofia sonia sophia sophie stacy stan stanley "
    "stephanie stephen steve steven stewart stuart sue susan suzanne sven sylvia tamara tanya tara ted teresa terry "
    "theodore theresa thomas tim timmy timothy tina todd tom tommy tony tracy travis trevor tyler valerie vanessa "
    "vera victor vincent vivian vladimir walter wanda wayne wendy wendell wesley william xavier yasmin yuki yusuf "
    "yvonne zachary zoe"
)
_KIN = (
    "me you him her he she mom mum mommy mummy dad daddy mother father grandma grandpa granny son daughter brother "
    "sister uncle aunt husband wife boyfriend girlfriend boy girl man woman boss coach officer detective judge "
    "lawyer nurse chef driver bartender receptionist narrator stranger neighbor neighbour salesman shopkeeper "
    "librarian professor"
)
_TITLES = ("Mr", "Mrs", "Ms", "Dr", "Prof", "Professor", "Officer", "Captain", "Uncle", "Aunt", "Sir", "Lady")
_CHINESE = (
    "我 你 他 她 男 女 甲 乙 丙 妈妈 爸爸 妈 爸 爷爷 奶奶 哥哥 姐姐 弟弟 妹妹 老公 老婆 丈夫 妻子 儿子 女儿 老板 "
    "媽媽 爸爸 媽 爺爺 奶奶 老闆 兒子 女兒 店员 店員 服务员 服務員 经理 經理 护士 護士 警察 司机 司機 记者 記者 主持人"
)
_CHINESE_GIVEN = frozenset("明红红華华丽麗王李张張刘劉陈陳杨楊赵趙刚剛强強芳军軍伟偉林美玲龙龍梅东東雨雪周吴吳")
_PERSONS = frozenset(f"{_GIVEN} {_KIN} {_CHINESE}".split())


def is_person(label: str) -> bool:
    """Whether a label is a person's: "John", "MARY", "Mr. Lee", "Mom"; "Note", "Pros" and "Monday" are not."""
    first, *rest = label.split()
    if first.rstrip(".") in _TITLES and rest:
        return True
    if len(label) == 2 and label[0] in "小老" and label[1] in _CHINESE_GIVEN:
        return True
    return first.casefold() in _PERSONS
