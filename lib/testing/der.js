// @ts-check
'use strict';

/**
 * The part of DER (ITU-T X.690) that writing a certificate takes: values in, bytes out. No reader.
 */

/** @typedef {Uint8Array} Bytes */

/**
 * One tag-length-value, its content being the parts one after the other.
 * @param {number} tag
 * @param {...Bytes} parts
 */
function encode(tag, ...parts) {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), encodeLength(content.length), content]);
}

/** @param {number} length */
function encodeLength(length) {
  if (length < 0x80) return Buffer.of(length);
  const bytes = Buffer.from(evenHex(length.toString(16)), 'hex');
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

/** @param {string} hex */
const evenHex = (hex) => (hex.length % 2 === 0 ? hex : `0${hex}`);

/** @param {...Bytes} parts */
const sequence = (...parts) => encode(0x30, ...parts);

/** @param {...Bytes} parts */
const set = (...parts) => encode(0x31, ...parts);

/** @param {boolean} value */
const boolean = (value) => encode(0x01, Buffer.of(value ? 0xff : 0x00));

/**
 * A number that is not negative, from its big-endian bytes.
 * @param {Bytes} bytes
 */
function unsignedInteger(bytes) {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const minimal = bytes.subarray(start);
  // DER integers are signed: a leading 1 bit would say "negative".
  return minimal[0] & 0x80 ? encode(0x02, Buffer.of(0), minimal) : encode(0x02, minimal);
}

/**
 * @param {Bytes} bytes
 * @param {number} [unusedBits] how many of the last byte's low bits do not count
 */
const bitString = (bytes, unusedBits = 0) => encode(0x03, Buffer.of(unusedBits), bytes);

/** @param {Bytes} bytes */
const octetString = (bytes) => encode(0x04, bytes);

/** @param {string} text */
const utf8String = (text) => encode(0x0c, Buffer.from(text, 'utf8'));

/** @param {string} dotted for example `2.5.29.15` */
function objectIdentifier(dotted) {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  return encode(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** @param {number} value */
function base128(value) {
  const groups = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
  return groups;
}

/**
 * UTCTime up to the year 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5).
 * @param {Date} date
 */
function time(date) {
  const digits = date.toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  return date.getUTCFullYear() < 2050
    ? encode(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : encode(0x18, Buffer.from(`${digits}Z`));
}

/**
 * `[number] EXPLICIT`: a tag around whole values.
 * @param {number} number
 * @param {...Bytes} parts
 */
const explicit = (number, ...parts) => encode(0xa0 | number, ...parts);

/**
 * `[number] IMPLICIT` of a primitive type: the tag replaces the type's own.
 * @param {number} number
 * @param {Bytes} content
 */
const implicit = (number, content) => encode(0x80 | number, content);

module.exports = {
  bitString,
  boolean,
  explicit,
  implicit,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
};
