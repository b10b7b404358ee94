"""A small picture of text, for reading it back: pip install pillow; python tests/golden/make-text-picture.py"""

from PIL import Image, ImageDraw, ImageFont

image = Image.new("L", (420, 150), 255)
draw = ImageDraw.Draw(image)
draw.text((16, 14), "Thimble reads pictures", font=ImageFont.load_default(28), fill=0)
draw.text((16, 62), "Order 4711: 3 apples, 12.50", font=ImageFont.load_default(22), fill=40)
draw.text((16, 106), "left", font=ImageFont.load_default(20), fill=0)
draw.text((300, 106), "right", font=ImageFont.load_default(20), fill=0)
image.save("tests/golden/text-picture.png", optimize=True)

card = Image.new("L", (420, 120), 255)
draw = ImageDraw.Draw(card)
draw.text((16, 14), "Jane's card", font=ImageFont.load_default(28), fill=0)
draw.text((16, 62), "jane.doe@example.com", font=ImageFont.load_default(28), fill=0)
card.save("tests/golden/card-picture.png", optimize=True)

sign = Image.new("RGB", (640, 480), (120, 170, 230))
draw = ImageDraw.Draw(sign)
draw.rectangle((0, 330, 640, 480), fill=(70, 130, 60))
draw.rectangle((120, 90, 520, 280), fill=(250, 250, 245), outline=(30, 30, 30), width=6)
draw.rectangle((300, 280, 340, 400), fill=(110, 80, 50))
bold = ImageFont.truetype("DejaVuSans-Bold.ttf", 34)
for i, line in enumerate(["Harbour Cafe", "Open 9 to 17", "Closed on Monday"]):
    draw.text((150, 105 + i * 54), line, font=bold, fill=(20, 30, 90))
sign.save("tests/golden/sign-picture.jpg", quality=88)
