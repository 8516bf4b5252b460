"""Media files: what a file is, its bytes' hash, and its picture or video as an endpoint gets it.

    identify   the first bytes -> kind, MIME type, format
    reader     a path -> Opened: identified and hashed, each byte read once
    spec       how an endpoint wants its media
    guard      Opened and spec -> Encoded, decoded in a child process with limits
    worker     the child's own loop; it runs what follows
    header     sizes and missing bytes, told without decoding
    image      pictures -> JPEG                colour    any picture mode and profile -> 8-bit sRGB
    animation  which frames of one that moves  timing    how long each of them is shown
    raw        cameras' raw photos -> JPEG     tiff      directories: pages, and what tells a raw photo
    jxl, psd   what Pillow does not do there   boxes     of MP4, HEIC, AVIF, JPEG XL
    video      frames -> JPEG                  metadata  date, camera and place
    jpeg       a picture -> JPEG               measure   what the built-in describer may say of a picture
    wire       the frames between guard and worker

To add a format: one line in `identify`, and one in `image.PLUGINS`, `identify.RAW_FORMATS` or `video.DEMUXERS`.
"""
