"""What models put before and after a caption, in the languages that people ask for most.

An opening is stripped only where a whole caption is left after it: "This image shows a cat." becomes "A cat.", "This
image shows how it rained." stays. Where a language would need its sentence rebuilt, it stays too.
"""

from __future__ import annotations

import re
from functools import cache

_SURE = (
    r"(?:(?:sure|certainly|of course|okay|ok|absolutely|great|yes|gern(?:e)?|natürlich|sicher|klar|bien sûr|certainement"
    r"|voilà|claro(?: que sí)?|por supuesto|certo|certamente|ecco|com certeza|natuurlijk|zeker|oczywiście|självklart|конечно"
    r"|好的|当然|はい|네)[!,.:、，。！]?\s+(?:thing[!,.]\s+)?)"
)
_WORD = (
    r"(?:captions?|descriptions?|sentences?|summary|answer|alt[ -]text|beschreibung|bildbeschreibung|bildunterschrift"
    r"|s[aä]tze?n?|légende|phrases?|descripción|leyenda|pie de foto|frases?|descrizione|didascalia|frasi|descrição|legenda"
    r"|beschrijving|bijschrift|zin(?:nen)?|opis|podpis|zdania?|beskrivning|bildtext|meningar|beskrivelse|billedtekst"
    r"|описание|подпись|предложения?|опис)"
)
_HERE = (
    r"(?:here(?:'s| is| are)|this is|below is|hier (?:ist|sind|kommt|is|zijn|volgt)|voici|aquí (?:tienes?|está|va)|ecco"
    r"|aqui (?:está|vai|tem)|oto|här (?:är|kommer)|her er|вот|ось)"
)
_NAMED = (
    r"(?:(?:image|photo|picture|video|final|short|generated) )?(?:caption|description|alt[ -]text|answer|summary|response)"
    r"|(?:bild|video|kurz)?beschreibung|bildunterschrift|antwort|légende|réponse|descripción|leyenda|pie de foto|respuesta"
    r"|descrizione|didascalia|risposta|descrição|legenda|resposta|beschrijving|bijschrift|opis|beskrivning|bildtext"
    r"|beskrivelse|описание|подпись|опис"
    r"|(?:图片|图像|照片|视频)?(?:描述|说明|標題|标题)|(?:画像の)?(?:説明|キャプション)|설명|캡션"
)

LABEL_LINE = re.compile(rf"^[ \t]*(?:{_NAMED})[ \t\u00a0]*[:：]?[ \t]*\n", re.IGNORECASE)
"""A label or heading on a line of its own."""

_LABEL = re.compile(rf"^(?:{_NAMED})[ \t\u00a0]*[:：]\s*", re.IGNORECASE)
_PREAMBLE = re.compile(
    rf"^{_SURE}?{_HERE}\b[^:.\n]{{0,80}}\b{_WORD}\b[^:.\n]{{0,80}}:\s*"
    r"|^(?:好的|当然)?[，,！!。]?\s*(?:以下是|这是)[^：:\n]{0,40}(?:描述|说明|标题)[^：:\n]{0,10}[：:]\s*"
    r"|^(?:はい[、。])?\s*(?:以下は|こちらが)[^：:\n]{0,40}(?:説明|キャプション)[^：:\n]{0,10}[：:]\s*",
    re.IGNORECASE,
)

_MEDIUM = r"(?:image|picture|photo|photograph|video|video clip|clip|scene|footage|screenshot|illustration)"
_GIVEN = r"(?:(?:provided|attached|uploaded|given|shared|above|following) )?"
_THE = rf"(?:this|the) {_GIVEN}{_MEDIUM}(?: (?:you(?:'ve| have)? )?(?:provided|attached|uploaded|shared|sent))?"
_AD = r"(?:(?:clearly|prominently|primarily|mainly|simply|also) )?"
_SEEN = r"(?:there (?:is|are)|(?:we|you|i)(?: can)? see)"

_SHOWS = (
    # English
    rf"{_THE} {_AD}(?:shows|depicts|displays|features|captures|portrays|presents|contains|(?:appears|seems) to show)"
    r" (?!that |how |what |why |the (?:essence|moment|beauty|mood|spirit|atmosphere)\b)",
    rf"{_THE} is of ",
    rf"(?:this|it) (?:is|appears to be) (?:an?|the) {_MEDIUM} (?:of|showing|depicting) ",
    rf"in {_THE}, (?:{_SEEN} )?|in {_THE} {_SEEN} ",
    rf"(?:looking at|based on) {_THE}, (?:{_SEEN} )?",
    # German
    r"auf (?:dem|diesem) (?:bild|foto) (?:sieht man|sehen wir) ",
    # French
    r"(?:sur|dans) (?:cette |l'|la )(?:image|photo|photographie|vidéo),? (?:on (?:peut )?(?:voit|voir|aperçoit|distingue)"
    r"|nous (?:voyons|pouvons voir)|il y a) ",
    # Spanish
    r"en (?:esta|la) (?:imagen|foto|fotografía),? (?:se (?:puede[n]? (?:ver|observar|apreciar)|ven?|observan?|aprecian?"
    r"|muestran?)|hay|vemos|podemos (?:ver|observar)) (?:a (?=un|dos |tres |varios |varias ))?",
    # Italian
    r"(?:in quest[ao] |nella |in quest'|nell')(?:immagine|foto|fotografia),? (?:si (?:può|possono) vedere|si ved(?:e|ono)"
    r"|c'è|ci sono|vediamo|possiamo vedere) ",
    # Portuguese
    r"(?:nesta|nessa|na) (?:imagem|foto|fotografia),? (?:vemos|podemos ver|pode-se ver|vê-se|há|é possível ver) ",
    # Dutch, Polish, Swedish, Danish, Norwegian
    r"op (?:deze|de) (?:afbeelding|foto) (?:zie je|zien we|ziet men|zie ik) ",
    r"na (?:tym )?(?:zdjęciu|obrazie|obrazku|fotografii) (?:widać|widzimy|można zobaczyć) ",
    r"på (?:bilden|fotot|billedet|bildet) (?:ser (?:man|vi)|syns|ses) ",
    # Russian, Ukrainian
    r"на (?:этом |данном |цьому )?(?:изображении|фото|фотографии|картинке|снимке|зображенні|світлині) (?:изображ[её]н[аоы]?"
    r"|показан[аоы]?|вид(?:ен|на|но|ны)|запечатл[её]н[аоы]?|представлен[аоы]?|можно увидеть|мы видим|зображено|видно) ",
    # Chinese, Japanese, Korean
    r"[这這该該此]?[张張幅个段]?(?:图片|图像|图画|照片|画面|圖片|视频)[中里裡]?(?:展示|显示|呈现|描绘|展現|顯示|拍摄|记录)"
    r"(?:了|的是|出)?[:：，,]?",
    r"[这這该該此]?[张張幅个段]?(?:图片|图像|照片|画面|圖片|图)[中里裡](?:可以看到|能看到|我们看到|有)[:：，,]?",
    r"この(?:画像|写真|動画|映像|イラスト)(?:に|で)は[、,]?",
    r"이 (?:이미지|사진|영상|그림)(?:에는|에서는) ",
)
"""Openings that are whole."""

_SUBJECTS = (
    r"(?:dieses|das) (?:bild|foto|video|gemälde)|(?:die|diese) (?:aufnahme|abbildung|illustration|fotografie|szene)",
    r"(?:cette |l'|la )(?:image|photo|photographie|vidéo|scène|illustration)|(?:ce|le) (?:cliché|dessin|clip)",
    r"(?:esta|la) (?:imagen|foto|fotografía|escena|ilustración)|(?:este|el) (?:vídeo|video|dibujo|clip)",
    r"(?:quest[ao] |la |lo |il |quest'|l')(?:immagine|foto|fotografia|scena|video|scatto|illustrazione)",
    r"(?:esta|essa|a) (?:imagem|foto|fotografia|cena|ilustração)|(?:este|esse|o) (?:vídeo|desenho|clipe)",
    r"(?:deze|de) (?:afbeelding|foto|video|scène|illustratie)|(?:dit|het) (?:beeld|plaatje|filmpje)",
    r"(?:ten |to |ta )?(?:obraz|obrazek|zdjęcie|film|ilustracja|fotografia)",
    r"(?:bilden|fotot|videon|den här bilden|denna bild)|(?:dette )?(?:billedet?|bildet?|fotoet?|videoen)",
)
_VERBS = (
    r"zeigt|montre|représente|présente|illustre|dépeint|capture|met en scène|muestra|representa|presenta|retrata|captura"
    r"|ilustra|mostra|raffigura|ritrae|rappresenta|illustra|cattura|apresenta|exibe|toont|bevat|przedstawia|pokazuje"
    r"|ukazuje|visar|föreställer|viser|forestiller"
)
_CLAUSE = r"(?:wie|dass|was|que|comment|ce que|cómo|che|come|como|hoe|dat|jak|że|hur|att|hvordan|at)"

_CLOSING = re.compile(
    r"(?<=[.!?…\"”)])\s+(?:let me know if|would you like (?:me|a|more|to)|feel free to|i hope (?:this|that|it) helps"
    r"|is there anything (?:else|specific|in particular)|do you (?:want|need) (?:me|more|any)"
    r"|if you(?:'d| would) like (?:me|more|a)|lassen sie (?:es )?mich wissen|möchten sie|n'hésitez pas|souhaitez-vous|si quieres"
    r"|¿(?:quieres|te gustaría|necesitas)"
    r"|fammi sapere|vuoi che|me avise se|gostaria (?:de )?que|laat (?:het )?me weten)\b[^\n]*$",
    re.IGNORECASE,
)
"""A chat's last sentence, to the person and not about the picture."""


@cache
def _shows() -> re.Pattern[str]:
    """All openings as one pattern, compiled when the first answer is cleaned: no command line waits for it."""
    # A noun follows the verb, no clause; in Spanish perhaps with the "a" that persons have.
    subjects = rf"(?:{'|'.join(_SUBJECTS)}),? (?:{_VERBS}) (?!{_CLAUSE} )(?:a (?=un|dos |tres |varios |varias ))?"
    return re.compile(rf"{_SURE}?(?:{'|'.join((*_SHOWS, subjects))})".replace("'", "['’]"), re.IGNORECASE)


def without_wrapping(text: str) -> str:
    """Without preamble, label and the chat's last sentence, where anything is left."""
    for pattern in (_PREAMBLE, _LABEL, _CLOSING):
        text = pattern.sub("", text, count=1).strip() or text
    return text


def without_opening(text: str) -> str:
    """Without "This image shows", beginning large again: "This image shows a cat." is "A cat."."""
    opening = _shows().match(text)
    rest = text[opening.end() :].strip() if opening else ""
    if not any(char.isalnum() for char in rest):
        return text
    word = rest.split(maxsplit=1)[0]
    # "iPhone" and "eBay" keep their small letter.
    return rest[0].upper() + rest[1:] if word == word.lower() else rest
