"""Names, scripts and frequent words of languages, for `languages`."""

from __future__ import annotations

from typing import Final

_NAMED: Final = {
    "en": "english englisch anglais inglés inglese inglês engels",
    "de": "german deutsch allemand alemán tedesco alemão duits немецкий",
    "fr": "french français francais französisch francés francese francês frans французский",
    "es": "spanish español espanol spanisch espagnol spagnolo espanhol castellano spaans испанский",
    "it": "italian italiano italienisch italien italiaans итальянский",
    "pt": "portuguese português portugues portugiesisch portugais portugués portoghese",
    "nl": "dutch nederlands niederländisch néerlandais holandés olandese",
    "sv": "swedish svenska schwedisch",
    "da": "danish dansk dänisch",
    "no": "norwegian norsk norwegisch bokmål bokmal nynorsk nb nn",
    "fi": "finnish suomi finnisch suomeksi",
    "pl": "polish polski polnisch",
    "cs": "czech čeština cestina česky tschechisch",
    "sk": "slovak slovenčina slovencina slovensky",
    "hu": "hungarian magyar ungarisch",
    "ro": "romanian română romana rumänisch",
    "tr": "turkish türkçe turkce türkisch",
    "hr": "croatian hrvatski kroatisch",
    "sr": "serbian srpski српски serbisch",
    "bs": "bosnian bosanski",
    "sl": "slovenian slovene slovenščina slowenisch",
    "lt": "lithuanian lietuvių",
    "lv": "latvian latviešu",
    "et": "estonian eesti",
    "ca": "catalan català katalanisch",
    "gl": "galician galego",
    "id": "indonesian bahasa",
    "ms": "malay melayu",
    "vi": "vietnamese việt tiếng",
    "ru": "russian русский russisch русском",
    "uk": "ukrainian українська ukrainisch українською",
    "bg": "bulgarian български bulgarisch",
    "be": "belarusian беларуская",
    "mk": "macedonian македонски",
    "el": "greek ελληνικά griechisch",
    "ar": "arabic العربية عربي arabisch",
    "fa": "persian farsi فارسی persisch",
    "ur": "urdu اردو",
    "he": "hebrew עברית hebräisch iw",
    "hi": "hindi हिन्दी हिंदी",
    "bn": "bengali বাংলা",
    "ta": "tamil தமிழ்",
    "te": "telugu",
    "th": "thai ไทย ภาษาไทย",
    "ko": "korean 한국어 koreanisch",
    "ja": "japanese 日本語 japanisch",
    "zh": "chinese 中文 汉语 漢語 简体中文 繁體中文 繁体中文 mandarin chinesisch cmn yue",
    "is": "icelandic íslenska",
    "af": "afrikaans",
    "eu": "basque euskara",
    "cy": "welsh cymraeg",
    "ga": "irish gaeilge",
    "sq": "albanian shqip",
    "sw": "swahili kiswahili",
    "la": "latin",
    "eo": "esperanto",
    "tl": "tagalog filipino fil",
    "mt": "maltese malti",
    "lb": "luxembourgish lëtzebuergesch",
    "ka": "georgian ქართული",
    "hy": "armenian հայերեն",
}

NAMES: Final[dict[str, str]] = {name: code for code, names in _NAMED.items() for name in names.split()}
"""A language's code by what people call it, its English name first; small letters."""

_WRITTEN: Final = {
    "LATIN": "en de fr es it pt nl sv da no fi pl cs sk hu ro tr hr sl lt lv et ca gl id ms vi is af eu cy ga sq"
    " sw la eo tl mt lb",
    "LATIN CYRILLIC": "sr bs",
    "CYRILLIC": "ru uk bg be mk",
    "ARABIC": "ar fa ur",
    "GREEK": "el",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "HANGUL": "ko",
    "HIRAGANA KATAKANA CJK": "ja",
    "CJK BOPOMOFO": "zh",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
}

SCRIPTS: Final[dict[str, frozenset[str]]] = {
    code: frozenset(scripts.split()) for scripts, codes in _WRITTEN.items() for code in codes.split()
}
"""The scripts that a language is written in, as the names of Unicode characters begin."""

_FREQUENT: Final = {
    "en": (
        "a an and are as at behind both by can each for from front has have her his in into is it its large near next "
        "of on one other over people she small some standing stands that the their there they this to two under very "
        "which while white wearing with woman man"
    ),
    "de": (
        "als am an auf aus bei das dem den der des die durch ein eine einem einen einer eines er es für hat hinter "
        "ihr im in ist mit nach neben nicht oder sich sie sind über um und unter vom von vor während wird zu zum zur "
        "zwei zwischen"
    ),
    "fr": (
        "à au aux avec ce cette d'un d'une dans de des deux du elle en est et il la le les leur ou par pas plus pour "
        "près qui sa se ses son sont sous sur tandis un une vers"
    ),
    "es": (
        "a al él con cuando de del desde dos el ella en entre es está están hacia hay la las lleva lo los mientras "
        "mujer más no para pero por que se sobre son su sus también tiene un una unos unas y junto frente lado"
    ),
    "it": (
        "a al alla alle con da dal dalla davanti degli dei del della delle di due e ed gli i il in indossa la le lo "
        "mentre nel nella nelle non per più presso che si sono sta su sua sul sulla suo tra un un'altra una uno "
        "vicino è"
    ),
    "pt": (
        "ao com da das de do dois dos duas e ela ele em entre enquanto está estão há mais na nas no nos não o os a as "
        "ou para pela pelo por que se sem seu sobre sua são também um uma uns à dele dela lado frente"
    ),
    "nl": (
        "aan achter als bij dat de deze die door een en er haar heeft het hij in is maar met naar naast niet om onder "
        "op over te twee uit van voor wordt zijn zit staat tegen terwijl"
    ),
    "sv": (
        "av bakom bredvid den det de en ett från för framför genom han har hon i inte med medan mot mellan när och "
        "ovanpå på sig sin sitter som står till två under vid är över"
    ),
    "da": (
        "af at bag den der det de en er et for foran fra gennem han har hun i ikke med mens mod mellem og over på "
        "sidder sig sin som står til to under ved"
    ),
    "no": (
        "av bak den der det de en er et for foran fra gjennom han har hun i ikke med mens mot mellom og over på seg "
        "sin sitter som står til to under ved ei"
    ),
    "fi": (
        "ja on ei ovat oli että joka jossa sekä hän se ne kanssa päällä vieressä alla edessä takana kun mutta kaksi "
        "nainen mies istuu seisoo yllään myös kuvassa valkoinen vasemmalla oikealla viereen välissä välillä lähellä "
        "ihmistä"
    ),
    "pl": (
        "a do i jego jej jest ma na nad nie o obok od oraz po pod przed przez przy są się stoi siedzi to w we wraz z "
        "za ze który która które dwa dwie dwóch podczas"
    ),
    "cs": (
        "a do i je jeho její jsou k která které který ke mezi na nad nebo o od po pod před při s se si sedí stojí u v "
        "ve vedle z za ze že dva dvě"
    ),
    "sk": (
        "a do i je jeho jej k ktorá ktoré ktorý medzi na nad alebo o od po pod pred pri s sa si sedí stojí sú u v "
        "vedľa vo z za zo že dva dve"
    ),
    "hu": (
        "a az egy és van vannak hogy nem ezt között előtt mögött mellett alatt felett közben amely aki két ül áll "
        "visel fehér is be meg ki rajta egyik"
    ),
    "ro": (
        "a al ale care că cu de din doi două este fața în iar își la lângă o pe pentru prin sau se și spre sub sunt "
        "stă un unei unui peste între"
    ),
    "tr": (
        "ve bir bu ile için üzerinde altında yanında önünde arkasında olan var iki da de gibi daha çok ise ya kadın "
        "adam oturuyor duruyor doğru arasında giyen beyaz"
    ),
    "hr": (
        "a dok do i ili iz iza ispred je kao koja koje koji kraj među na nad nalazi o od oko po pod pored pred s sa "
        "se stoji sjedi su u uz za dva dvije"
    ),
    "sl": "a do in ali iz je ki ko kot med na nad ob od po pod poleg pred pri s se sedi stoji so v z za dva dve zraven",
    "lt": "ir yra ant su iš kuris kuri kurie prie už po prieš šalia į kad bet du dvi stovi sėdi apie per virš tarp dėvi",
    "lv": "un ir uz ar no kas pie aiz zem pirms blakus kā bet divi divas stāv sēž par virs starp pa kurā tērpies",
    "et": "ja on ei see mis kes kus ning kaks ees taga all peal kõrval juures istub seisab seljas naine mees koos ka",
    "ca": (
        "al als amb d'un d'una de del dels dues dos el els en entre és està i la les l'home mentre més no o per que "
        "se sobre són també un una uns hi ha porta"
    ),
    "gl": (
        "ao coa co con da das de do dos dous dúas e en entre está están hai na nas no nos o os a as mentres máis para "
        "por que se sobre súa un unha tamén lado fronte"
    ),
    "id": (
        "yang dan di dengan sebuah seorang ini itu dari pada untuk ke atas bawah depan belakang samping sedang "
        "berdiri duduk dua ada tidak mengenakan para adalah dalam oleh"
    ),
    "vi": (
        "một và của các có là trong trên với đang người những hai được cho ở bên dưới này không từ ngồi đứng phía mặc "
        "chiếc màu"
    ),
    "ru": (
        "в во и на с со по из за к у о от до для под над перед не что как который которая которые его её их он она "
        "они это два две стоит сидит рядом между при"
    ),
    "uk": (
        "в у і й та на з зі із по за до від для під над перед не що як який яка які його її їх він вона вони це два "
        "дві стоїть сидить поруч біля між при є"
    ),
    "bg": (
        "в във и на с със по от за до под над пред не че като който която които го я те той тя това два две стои седи "
        "между при е са се една един"
    ),
    "sr": (
        "у и на са с из за до од под над испред не да као који која које је су се он она два две стоји седи поред "
        "између уз док један једна dok do i ili iz iza ispred je kao koja koje koji na nad o od po pod pored sa se "
        "stoji sedi su u uz za dva dve"
    ),
    "ar": (
        "في من على إلى مع عن هذا هذه التي الذي و أو بين أمام خلف تحت فوق بجانب هو هي كان يقف تقف يجلس تجلس يرتدي "
        "ترتدي رجل امرأة كما حيث قرب"
    ),
    "fa": (
        "در از به با که و را این آن بر روی یک است هستند برای تا یا کنار جلوی پشت زیر مرد زن ایستاده نشسته می شده دارد "
        "دو"
    ),
    "ur": "میں کے کی کا ہے ہیں اور سے پر کو ایک یہ وہ نے جو کر رہا رہی رہے ساتھ پیچھے سامنے نیچے دو مرد عورت",
    "ms": (
        "yang dan di dengan sebuah seorang ini itu dari pada untuk ke atas bawah depan belakang samping sedang "
        "berdiri duduk dua ada tidak mengenakan para adalah dalam oleh ialah lelaki wanita"
    ),
    "bs": (
        "a dok do i ili iz iza ispred je kao koja koje koji kraj među na nad nalazi o od oko po pod pored pred s sa "
        "se stoji sjedi su u uz za dva dvije"
    ),
}

WORDS: Final[dict[str, frozenset[str]]] = {code: frozenset(words.split()) for code, words in _FREQUENT.items()}
"""Words that captions in a language are full of."""
