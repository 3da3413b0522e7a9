"""Names that people are given, by which names of files are recognized as theirs: frequent ones of some languages.

Left out are those that are words or names of places, diseases and makers as well (Rose, May, Florence, Grace).
"""

from __future__ import annotations

GIVEN = frozenset(
    """aaron adam ahmed alexander alexandra ali alice amanda amelia amina ana andrea andreas andrew angela anita anja
    anna anne anthony antonio barbara beatrice benjamin bernd bettina birgit brian bruno camille carla carlos carmen
    caroline catherine cecilia charlotte christian christina christine christopher claire claudia claus cristina
    cynthia daniel daniela david deborah dennis diana dieter dirk dmitri dorothy edward eleanor elena elisabeth
    elizabeth emily emma erik ernst esther eva fatima felix fernando francesca francesco francisco francois frank franz
    friedrich gabriele gabriel george gerhard giovanni giulia giuseppe gregory guenther hannah hans harald hassan heike
    heinrich heinz helen helena helga henry herbert hermann horst hussein ibrahim inge ingrid irene isabel isabella
    ivan jacob jacqueline james jan jane janet jennifer jessica joan johann johanna john jonathan jorge jose joseph
    juan judith julia julie jurgen karen karin karl katharina katherine kathleen kevin klaus kristina larissa laura
    lena leonard liam linda lisa louise lucas lucia luis luigi luisa lukas magdalena manfred manuel marcel marco
    margaret maria marie marina mario mark markus marta martha martin martina mary matthew matthias michael michele
    michelle miguel mohamed mohammed monica monika moritz natalia natalie nathalie nicholas nicole nina noah olga
    oliver olivia oscar pablo paolo patricia patrick paul paula pedro peter petra philip pierre rachel rafael raymond
    rebecca renate richard robert roberto roger roland rolf ronald rosa ruth sabine samantha samuel sandra sarah
    sebastian sergei sharon silvia simon simone sofia sonja sophia sophie stefan stefanie stephanie stephen steven susan
    susanne svetlana sylvia teresa theresa thomas tobias ulrich ulrike ursula uwe valentina vanessa victoria vincent
    virginia vladimir walter werner wilhelm william wolfgang yasmin yusuf""".split()
)
