// @ts-check
'use strict';

/**
 * A certificate authority of the sandbox's own, and the server certificates it signs. Node can
 * read X.509 but has no call to write it, so the certificate (RFC 5280 §4.1) is put together here.
 * Keys live in memory only: nothing signed here outlives the process in any useful way.
 */

const crypto = require('node:crypto');
const net = require('node:net');
const der = require('./der.js');

/** Signs server certificates that whoever trusts `certificate` accepts. */
class CertificateAuthority {
  #keys = generateKeys();
  #name;

  /** Its own certificate, PEM. */
  certificate;

  constructor() {
    // Two sandboxes must not have authorities of the same name: a verifier finds them by name.
    this.#name = distinguishedName(`Aluvia Sandbox CA ${crypto.randomBytes(4).toString('hex')}`);
    this.certificate = this.#sign(this.#name, this.#keys.publicKey, [
      extension(OID.basicConstraints, CRITICAL, der.sequence(der.boolean(true))),
      extension(OID.keyUsage, CRITICAL, KEY_CERT_SIGN_AND_CRL_SIGN),
      subjectKeyIdentifier(this.#keys.publicKey),
    ]);
  }

  /**
   * A key and a certificate for a TLS server, both PEM.
   * @param {string[]} names DNS names and IPv4 addresses; each becomes a subject alternative name
   * @returns {{ key: string, cert: string }}
   */
  issue(names) {
    const { publicKey, privateKey } = generateKeys();
    const cert = this.#sign(distinguishedName('Aluvia Sandbox'), publicKey, [
      extension(OID.basicConstraints, CRITICAL, der.sequence()),
      extension(OID.keyUsage, CRITICAL, DIGITAL_SIGNATURE),
      extension(
        OID.extendedKeyUsage,
        !CRITICAL,
        der.sequence(der.objectIdentifier(OID.serverAuth)),
      ),
      extension(OID.subjectAltName, !CRITICAL, der.sequence(...names.map(generalName))),
      subjectKeyIdentifier(publicKey),
      authorityKeyIdentifier(this.#keys.publicKey),
    ]);
    return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
  }

  /**
   * @param {Buffer} subject
   * @param {crypto.KeyObject} publicKey
   * @param {Buffer[]} extensions
   */
  #sign(subject, publicKey, extensions) {
    const now = Date.now();
    const algorithm = der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
    const toBeSigned = der.sequence(
      der.explicit(0, VERSION_3),
      serialNumber(),
      algorithm,
      this.#name,
      der.sequence(der.time(new Date(now - VALID_SINCE)), der.time(new Date(now + VALID_FOR))),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      der.explicit(3, der.sequence(...extensions)),
    );
    const signature = crypto.sign('sha256', toBeSigned, this.#keys.privateKey);
    return toPem(der.sequence(toBeSigned, algorithm, der.bitString(signature)));
  }
}

function generateKeys() {
  return crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** @param {string} commonName */
function distinguishedName(commonName) {
  return der.sequence(
    relativeName(OID.organization, 'Aluvia Sandbox'),
    relativeName(OID.commonName, commonName),
  );
}

/**
 * @param {string} type
 * @param {string} value
 */
function relativeName(type, value) {
  return der.set(der.sequence(der.objectIdentifier(type), der.utf8String(value)));
}

/** Positive, and of the same length each time: between 2^126 and 2^127. */
function serialNumber() {
  const bytes = crypto.randomBytes(16);
  bytes[0] = (bytes[0] & 0x3f) | 0x40;
  return der.unsignedInteger(bytes);
}

/**
 * @param {string} id
 * @param {boolean} critical
 * @param {Buffer} value
 */
function extension(id, critical, value) {
  // FALSE is the default, and DER does not write defaults.
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectIdentifier(id), ...flag, der.octetString(value));
}

/** @param {crypto.KeyObject} publicKey */
function subjectKeyIdentifier(publicKey) {
  return extension(OID.subjectKeyIdentifier, !CRITICAL, der.octetString(keyIdentifier(publicKey)));
}

/** @param {crypto.KeyObject} publicKey */
function authorityKeyIdentifier(publicKey) {
  const identifier = der.implicit(0, keyIdentifier(publicKey));
  return extension(OID.authorityKeyIdentifier, !CRITICAL, der.sequence(identifier));
}

/**
 * The first 160 bits of the key's SHA-256 (RFC 7093 §2).
 * @param {crypto.KeyObject} publicKey
 */
function keyIdentifier(publicKey) {
  const info = publicKey.export({ type: 'spki', format: 'der' });
  const point = info.subarray(info.length - UNCOMPRESSED_POINT_LENGTH);
  return crypto.createHash('sha256').update(point).digest().subarray(0, 20);
}

/** @param {string} name */
function generalName(name) {
  if (net.isIPv4(name)) return der.implicit(7, Buffer.from(name.split('.').map(Number)));
  return der.implicit(2, Buffer.from(name, 'ascii'));
}

/** @param {Buffer} certificate */
function toPem(certificate) {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  organization: '2.5.4.10',
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
};

const HOUR = 60 * 60 * 1000;

// A clock that is a little slow (a container, a virtual machine) must not make it "not yet valid".
const VALID_SINCE = 1 * HOUR;

// Longer than any sandbox lives; well below the 398 days that browsers allow.
const VALID_FOR = 30 * 24 * HOUR;

const CRITICAL = true;
const VERSION_3 = der.unsignedInteger(Buffer.of(2));

// Bits are numbered from the left (RFC 5280 §4.2.1.3): digitalSignature 0, keyCertSign 5, cRLSign 6.
const DIGITAL_SIGNATURE = der.bitString(Buffer.of(0b1000_0000), 7);
const KEY_CERT_SIGN_AND_CRL_SIGN = der.bitString(Buffer.of(0b0000_0110), 1);

// A P-256 public key ends with its point: the byte 4, then x and y of 32 bytes each.
const UNCOMPRESSED_POINT_LENGTH = 65;

module.exports = { CertificateAuthority };
