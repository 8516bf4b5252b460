"""Refusals in other languages than English, as rules for `refusals`: an opening, and words that follow within so many characters.

An opening without further words is one that no caption begins with.
"""

from __future__ import annotations

from typing import Final

ABROAD: Final[tuple[tuple[str, int, str], ...]] = (
    # German
    (
        r"(?:es )?tut mir (?:sehr )?leid\b|entschuldigung,|ich bedauere|ich entschuldige mich",
        160,
        r"\b(?:nicht|kein\w*|bitte)\b",
    ),
    (r"leider (?:kann|konnte|darf|ist|war|wurde|sehe|habe|bin)\b", 120, r"\b(?:nicht|kein\w*)\b"),
    (
        r"ich (?:kann|darf|werde|möchte) (?:\w+ )?(?:dir|ihnen|dabei|diese?[nsmr]?|das|die|den|keine?|leider|hier|nicht|auf"
        r"|bilder|fotos|videos|personen)\b",
        80,
        r"(?<=\bkeine )(?:bilder|fotos|informationen)|\bnicht\b.{0,60}\b(?:beschreib|helf|seh|anzeig|analys|identifizier|erkenn|"
        r"beantwort|erfüll|unterstütz|öffn|zugreif)",
    ),
    (
        r"ich (?:kann|darf) (?:leider |hier |dir |ihnen )?keine (?:bilder|fotos|videos|personen|inhalte)\b"
        r"|ich bin (?:leider )?nicht in der lage",
        0,
        "",
    ),
    (r"als (?:ki\b|künstliche intelligenz|sprachmodell|ki-)", 160, r"\b(?:nicht|kein\w*)\b"),
    (
        r"ich (?:sehe|habe|erhalte) (?:leider )?kein\w* (?:bild|foto|video|anhang)"
        r"|(?:es wurde|es ist) (?:leider )?kein (?:bild|foto|video)\b",
        0,
        "",
    ),
    (
        r"bitte (?:lade|laden sie|sende|senden sie|teile|teilen sie|stelle|stellen sie|füge|fügen sie)\b",
        60,
        r"\b(?:bild|foto|video|datei)\b",
    ),
    # French
    (
        r"(?:je suis )?(?:vraiment |sincèrement )?(?:désolée?|navrée?)\b|toutes mes excuses|malheureusement,?",
        120,
        r"\b(?:ne|aucune?|pas)\b|n'",
    ),
    (
        r"je (?:ne|n') ?(?:peux|pourrai|puis|suis pas|vois|reçois|dispose|ai)\b",
        60,
        r"\b(?:pas|aucune?)\b.{0,60}(?:aid|décri|voir|identif|répond|analys|assist|fourni|image|photo|vidéo|mesure|accès|trait)",
    ),
    (r"en tant (?:qu'ia|que modèle|qu'intelligence|qu'assistant)", 160, r"\b(?:ne|pas)\b|n'"),
    (r"(?:il semble qu'|)aucune (?:image|photo|vidéo) n'", 0, ""),
    (
        r"(?:veuillez|merci de|pouvez-vous|pourriez-vous) (?:\w+ )?(?:fournir|télécharger|partager|envoyer|joindre)\b",
        60,
        r"\b(?:image|photo|vidéo|fichier)\b",
    ),
    # Spanish
    (
        r"lo siento\b|lamento\b|lo lamento\b|disculpa(?:e)?\b|lamentablemente,?|desafortunadamente,?|perdón\b",
        120,
        r"\b(?:no|ninguna?)\b",
    ),
    (
        r"no (?:puedo|podré|soy capaz de|me es posible|veo|tengo|he recibido)\b",
        40,
        r"(?:ayud|describ|ver\b|identific|analiz|respond|proces|cumpl|imagen|foto|v[ií]deo|acceso|capacidad)",
    ),
    (r"como (?:ia|modelo de|inteligencia artificial|asistente)\b", 160, r"\bno\b"),
    (
        r"(?:por favor,? )?(?:proporciona|proporcione|sube|suba|comparte|comparta|adjunta|adjunte|envía|envíe)\b",
        50,
        r"\b(?:imagen|foto|v[ií]deo|archivo)\b",
    ),
    (r"parece que (?:no|la imagen no|ninguna)\b", 60, r"\b(?:imagen|foto|v[ií]deo|adjunt|carg|subid)"),
    # Italian
    (r"mi dispiace\b|mi scuso\b|purtroppo\b|spiacente\b", 120, r"\b(?:non|nessuna?)\b"),
    (
        r"non (?:posso|sono in grado|riesco|vedo|ho)\b",
        40,
        r"(?:aiut|descriv|veder|identific|analizz|rispond|immagin|foto|video|access)",
    ),
    (r"come (?:ia|modello linguistico|intelligenza artificiale|assistente)\b", 160, r"\bnon\b"),
    (
        r"(?:per favore,? )?(?:carica|fornisci|condividi|allega|invia|fornire|caricare)\b",
        50,
        r"\b(?:immagine|foto|video)\b",
    ),
    # Portuguese
    (r"desculpe\b|desculpa\b|sinto muito\b|lamento\b|infelizmente\b|peço desculpa", 120, r"\b(?:não|nenhuma?)\b"),
    (
        r"não (?:posso|consigo|sou capaz|vejo|tenho|recebi)\b",
        40,
        r"(?:ajud|descrev|ver\b|identific|analis|respond|imagem|imagens|foto|vídeo|acesso)",
    ),
    (r"como (?:uma )?(?:ia|modelo de|inteligência artificial)\b", 160, r"\bnão\b"),
    (r"(?:por favor,? )?(?:envie|forneça|compartilhe|anexe|carregue)\b", 50, r"\b(?:imagem|foto|vídeo)\b"),
    # Dutch
    (r"(?:het spijt me|sorry|helaas)\b", 120, r"\b(?:niet|geen)\b"),
    (
        r"ik (?:kan|mag|zie|heb)\b.{0,40}\b(?:niet|geen)\b",
        60,
        r"(?:help|beschrij|zien|identific|analyser|afbeelding|foto|video|voldoen)",
    ),
    # Swedish, Danish, Norwegian, Finnish
    (
        r"(?:jag är (?:ledsen|hemskt ledsen)|tyvärr|förlåt|(?:jeg )?beklager|desværre|dessverre|undskyld)\b",
        120,
        r"\b(?:inte|ikke|ingen|inget|intet)\b",
    ),
    (r"(?:jag|jeg) kan (?:inte|ikke) (?:hjälpa|hjelpe|hjælpe|beskriv\w*|se\b|identifi\w*|analyser\w*)", 0, ""),
    (r"(?:valitettavasti|olen pahoillani|pahoittelen)\b", 120, r"\b(?:en|ei)\b"),
    (r"en (?:voi|pysty) (?:auttaa|kuvailla|nähdä|tunnistaa)", 0, ""),
    # Polish, Czech, Slovak, Croatian, Slovenian
    (r"(?:przepraszam|przykro mi|niestety)\b", 120, r"\b(?:nie|brak)\b"),
    (
        r"nie (?:mogę|jestem w stanie|widzę) (?:\w+ )?(?:pomóc|opisać|zobaczyć|zidentyfikować|rozpoznać|zdjęcia|obrazu|żadnego)",
        0,
        "",
    ),
    (
        r"(?:omlouvám se|je mi líto|bohužel|ospravedlňujem sa|je mi ľúto|žiaľ|žao mi je|nažalost|oprostite|žal)\b",
        120,
        r"\b(?:ne\w*|nie)\b",
    ),
    # Hungarian, Romanian, Turkish
    (r"(?:sajnálom|sajnos|elnézést)\b", 120, r"\b(?:nem|nincs)\b"),
    (r"(?:îmi pare rău|din păcate)\b", 120, r"\b(?:nu|nicio)\b"),
    (r"(?:üzgünüm|maalesef|özür dilerim)\b", 0, ""),
    # Russian, Ukrainian, Bulgarian, Greek
    (r"(?:извините|простите|прошу прощения|к сожалению|приношу извинения|мне жаль)\b", 120, r"\bне\b|\bнет\b"),
    (
        r"я не (?:могу|вижу|в состоянии|способ)\w*",
        60,
        r"(?:помочь|описать|увидеть|видеть|опознать|идентифиц|ответить|выполнить|изображени|фото|картин)",
    ),
    (r"как (?:ии|языковая модель|искусственный интеллект)\b", 160, r"\bне\b"),
    (r"пожалуйста, (?:загрузите|предоставьте|прикрепите|отправьте|пришлите)\b", 0, ""),
    (r"(?:вибачте|на жаль|перепрошую|съжалявам|за съжаление|извинявам се)\b", 120, r"\bне\b|\bнемає\b"),
    (r"(?:λυπάμαι|δυστυχώς|συγγνώμη)", 120, r"\bδεν\b"),
    # Arabic, Hebrew, Hindi
    (r"(?:عذر[اً]+|آسف|أعتذر|للأسف|أنا آسف)", 120, r"(?:لا |لم |ليس|غير قادر)"),
    (r"لا (?:أستطيع|يمكنني) (?:المساعدة|وصف|رؤية|مساعدتك|التعرف|تقديم)", 0, ""),
    (r"(?:אני )?מצטער|סליחה|לצערי", 120, r"(?:לא|אין)"),
    (r"(?:क्षमा करें|मुझे खेद है|माफ़ कीजिए|माफ़ करें)", 160, r"(?:नहीं|असमर्थ)"),
    # Chinese, Japanese, Korean
    (r"(?:我)?(?:非常|很)?(?:抱歉|遗憾|遺憾)|对不起|對不起", 60, r"[无無不没沒]"),
    (
        r"我?(?:无法|不能|無法|没办法)(?:为您|为你|直接)?(?:识别|查看|描述|提供|看到|回答|协助|帮助|處理|处理|完成|確認|确认|辨识)",
        0,
        "",
    ),
    (r"作为(?:一个|一名)?(?:ai|人工智能|语言模型|大语言模型)", 80, r"[无不没]"),
    (
        r"请(?:您)?(?:先)?(?:提供|上传|发送|上傳)(?:一张|图片|图像|照片|您)|(?:我)?(?:没有|未)(?:看到|收到|检测到)[^。]{0,8}(?:图|照片)",
        0,
        "",
    ),
    (r"(?:大変)?申し訳(?:ありません|ございません|ない)|ごめんなさい|すみません", 80, r"(?:ません|できない|でき兼ね)"),
    (
        r"(?:この)?画像(?:を|が|は)(?:見る|確認|添付|アップロード|提供|表示|認識)[^。]{0,20}(?:ません|ください|できない)",
        0,
        "",
    ),
    (r"(?:죄송|미안)(?:합니다|하지만|해요)", 80, r"(?:없|않|못)"),
    (r"(?:이 )?이미지를 (?:볼|제공|업로드|첨부|확인|설명)[^.]{0,16}(?:없|주세요|않)", 0, ""),
    # Vietnamese, Indonesian, Thai
    (r"(?:xin lỗi|rất tiếc|tôi xin lỗi)\b", 120, r"\b(?:không|chưa)\b"),
    (r"(?:maaf|mohon maaf)\b", 120, r"\b(?:tidak|belum)\b"),
    (r"(?:ขออภัย|ขอโทษ)", 120, r"ไม่"),
)
