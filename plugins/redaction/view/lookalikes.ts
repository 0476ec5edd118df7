/**
 * Letters that look like Latin ones: Cyrillic, Greek, Armenian, Cherokee, Lisu, and the phonetic letters that stand in for small ones. After the confusables
 * of Unicode TR 39, as far as common fonts show no difference. Two columns of the same length: what it is, what it looks like.
 */
const PAIRS: readonly (readonly [string, string])[] = [
  // Cyrillic
  ['АВЕЅІЈКМНОРСТУХҮԌԚԜҺӀӏ', 'ABESIJKMHOPCTYXYGQWhIl'],
  ['асеѕіјорухһԁԛԝүкт', 'acesijopyxhdqwykt'],
  // Greek
  ['ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϳ', 'ABEZHIKMNOPTYXCj'],
  ['αικνορυχτϲε', 'aikvopuxtce'],
  // Armenian
  ['ՕՍՏԼոսհցզօյԱ', 'OUSLnuhgqojU'],
  // Cherokee
  ['ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃᏔ', 'ABCDEGHiJKLMPRSTVWZW'],
  // Lisu
  ['ꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ', 'BCDEFGHIJKLMNOPRSTUVWXYZ'],
  // Phonetic
  ['ɑɡɩʋ', 'agiv'],
]

/** What a unit looks like; 0: like nothing Latin. */
export const LOOKS_LIKE = new Uint16Array(65_536)
for (const [are, look] of PAIRS) for (let i = 0; i < are.length; i++) LOOKS_LIKE[are.charCodeAt(i)] = look.charCodeAt(i)

/** Whether the unit is of a script that {@link LOOKS_LIKE} draws on, and so says that a word is not Latin where it looks like nothing Latin itself. */
export const OTHER_SCRIPT = new Uint8Array(65_536)
const OTHER = /^[\p{sc=Cyrillic}\p{sc=Greek}\p{sc=Armenian}\p{sc=Cherokee}\p{sc=Lisu}]$/u
for (const [low, high] of [
  [0x370, 0x58f],
  [0x13a0, 0x13ff],
  [0x1c80, 0x1c8f],
  [0x1f00, 0x1fff],
  [0x2de0, 0x2dff],
  [0xa4d0, 0xa4ff],
  [0xa640, 0xa69f],
  [0xab70, 0xabbf],
] as const)
  for (let c = low; c <= high; c++) OTHER_SCRIPT[c] = OTHER.test(String.fromCharCode(c)) ? 1 : 0
