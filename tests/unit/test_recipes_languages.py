"""The language of an answer is checked cheaply: only a clear mismatch counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.recipes.languages import code_of, english_name, other_language

TOLD = {
    "en": "Two people jump between walls in a courtyard. A red bicycle is parked near the door on the left.",
    "de": "Zwei Personen springen in einem Hof zwischen Mauern. Links neben der Tür steht ein rotes Fahrrad.",
    "fr": "Deux personnes sautent entre les murs d'une cour. Un vélo rouge est garé près de la porte à gauche.",
    "es": "Dos personas saltan entre muros en un patio. Una bicicleta roja está aparcada cerca de la puerta a la izquierda.",
    "it": "Due persone saltano tra i muri di un cortile. Una bicicletta rossa è parcheggiata vicino alla porta a sinistra.",
    "pt": "Duas pessoas saltam entre muros em um pátio. Uma bicicleta vermelha está estacionada perto da porta à esquerda.",
    "nl": "Twee mensen springen tussen muren op een binnenplaats. Links bij de deur staat een rode fiets.",
    "sv": "Två personer hoppar mellan väggar på en gård. En röd cykel står parkerad vid dörren till vänster.",
    "da": "To personer hopper mellem mure i en gård. En rød cykel er parkeret ved døren til venstre.",
    "no": "To personer hopper mellom vegger i en gårdsplass. En rød sykkel er parkert ved døren til venstre.",
    "fi": "Kaksi ihmistä hyppää seinien välillä pihalla. Punainen polkupyörä on pysäköity oven viereen vasemmalle.",
    "pl": "Dwie osoby skaczą między murami na dziedzińcu. Czerwony rower stoi obok drzwi po lewej stronie.",
    "cs": "Dva lidé skáčou mezi zdmi na dvoře. Červené kolo stojí vedle dveří na levé straně.",
    "hu": "Két ember ugrik a falak között egy udvaron. Egy piros bicikli áll az ajtó mellett a bal oldalon.",
    "ro": "Doi oameni sar între ziduri într-o curte. O bicicletă roșie este parcată lângă ușa din stânga.",
    "tr": "Bir avluda iki kişi duvarlar arasında atlıyor. Solda kapının yanında kırmızı bir bisiklet var.",
    "hr": "Dvije osobe skaču između zidova u dvorištu. Crveni bicikl je parkiran kraj vrata na lijevoj strani.",
    "sr": "Две особе скачу између зидова у дворишту. Црвени бицикл је паркиран поред врата са леве стране.",
    "ca": "Dues persones salten entre els murs d'un pati. Una bicicleta vermella és aparcada a prop de la porta a l'esquerra.",
    "id": "Dua orang melompat di antara dinding di halaman. Sebuah sepeda merah diparkir di dekat pintu di sebelah kiri.",
    "vi": "Hai người nhảy giữa các bức tường trong sân. Một chiếc xe đạp màu đỏ đỗ gần cửa bên trái.",
    "ru": "Два человека прыгают между стенами во дворе. Слева у двери стоит красный велосипед.",
    "uk": "Двоє людей стрибають між стінами у дворі. Ліворуч біля дверей стоїть червоний велосипед.",
    "bg": "Двама души скачат между стените в двора. Червен велосипед е паркиран до вратата отляво.",
    "el": "Δύο άνθρωποι πηδούν ανάμεσα σε τοίχους σε μια αυλή. Ένα κόκκινο ποδήλατο είναι δίπλα στην πόρτα.",
    "ar": "شخصان يقفزان بين الجدران في فناء. دراجة حمراء متوقفة بالقرب من الباب على اليسار.",
    "fa": "دو نفر بین دیوارهای یک حیاط می‌پرند. یک دوچرخه قرمز کنار در سمت چپ پارک شده است.",
    "he": "שני אנשים קופצים בין קירות בחצר. אופניים אדומים חונים ליד הדלת משמאל.",
    "hi": "एक आंगन में दो लोग दीवारों के बीच कूद रहे हैं। बाईं ओर दरवाजे के पास एक लाल साइकिल खड़ी है।",
    "th": "คนสองคนกระโดดระหว่างกำแพงในลานบ้าน จักรยานสีแดงจอดอยู่ใกล้ประตูทางซ้าย",
    "zh": "两个人在院子里的墙壁之间跳跃。左边门旁停着一辆红色自行车。",
    "ja": "中庭で二人が壁の間を飛び越えています。左側のドアの近くに赤い自転車が停まっています。",
    "ko": "두 사람이 마당의 벽 사이를 뛰어넘고 있습니다. 왼쪽 문 옆에 빨간 자전거가 세워져 있습니다.",
}
"""The same two sentences in many languages."""

TOO_NEAR = {"es ca", "it ca", "pt ca", "ro ca", "da no", "no da", "cs hr", "sr hr", "it id", "ru bg", "uk bg", "ca es"}
"""What was asked for and what the caption is in, where frequent words are too much alike to be sure after one caption."""


@pytest.mark.parametrize("language", TOLD)
def test_a_caption_in_the_language_asked_for_passes(language: str) -> None:
    assert other_language(TOLD[language], language) is None


@pytest.mark.parametrize("language", TOLD)
def test_a_caption_in_another_language_is_found(language: str) -> None:
    passed = [
        asked
        for asked in TOLD
        if asked != language and f"{asked} {language}" not in TOO_NEAR and other_language(TOLD[language], asked) is None
    ]
    assert passed == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("en", "en"), ("EN", "en"), ("en_GB", "en"), ("de-AT", "de"), ("nb", "no"), ("zh-Hant", "zh"), ("Deutsch", "de"),
        ("german", "de"), ("Brazilian Portuguese", "pt"), ("Chinese (Simplified)", "zh"), ("简体中文", "zh"),
        ("auf Deutsch", "de"), ("Español de México", "es"), ("Klingon", None), ("German or French", None), ("", None),
    ],
)  # fmt: skip
def test_a_language_is_known_by_code_or_by_name(said: str, code: str | None) -> None:
    assert code_of(said) == code


def test_the_name_that_a_second_attempt_uses_is_the_english_one() -> None:
    assert [english_name(name) for name in ("de", "日本語", "pt-BR", "Klingon")] == [
        "German",
        "Japanese",
        "Portuguese",
        None,
    ]


@given(st.text(max_size=14), st.sampled_from(sorted(TOLD)))
def test_a_few_letters_never_tell_a_language(text: str, language: str) -> None:
    letters = "".join(char for char in text if not char.isalpha() or char.isascii())
    assert other_language(letters, language) is None


@given(st.text(), st.text(max_size=20))
def test_any_text_under_any_name_is_judged(text: str, language: str) -> None:
    assert other_language(text, language) is None or code_of(language) is not None
