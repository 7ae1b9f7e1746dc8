/** Rules, and hosts with the way that they take. */
export const RULES = [
  [[], { 'example.com': 'direct', localhost: 'direct' }],
  [['AUTO'], { 'example.com': 'direct' }],
  [
    ['auto', 'Auto', 'example.com'],
    { 'example.com': 'gateway', 'auto.example': 'direct', auto: 'direct' },
  ],
  [['AUTO', '*'], { 'example.com': 'gateway' }],
  [
    ['*'],
    {
      'example.com': 'gateway',
      '192.0.2.1': 'gateway',
      'shop.localhost': 'direct',
      '::1': 'direct',
    },
  ],
  [['*', 'localhost'], { localhost: 'gateway', 'shop.localhost': 'direct', '127.0.0.1': 'direct' }],
  [
    ['*', '*.localhost', '127.0.0.1'],
    { 'shop.localhost': 'gateway', '127.0.0.1': 'gateway', '::1': 'direct' },
  ],
  [
    ['*', '-example.com'],
    { 'example.com': 'direct', 'example.com.': 'direct', 'www.example.com': 'gateway' },
  ],
  [['-example.com', '*'], { 'example.com': 'direct', 'www.example.com': 'gateway' }],
  [['-*.example.com', 'www.example.com'], { 'www.example.com': 'direct', 'example.com': 'direct' }],
  [
    ['*.example.com', '-www.example.com'],
    { 'www.example.com': 'direct', 'shop.example.com': 'gateway' },
  ],
  [['-*', '*'], { 'example.com': 'direct' }],
  [['-*', 'example.com'], { 'example.com': 'direct' }],
  [['-example.com'], { 'example.com': 'direct', 'other.example': 'direct' }],
  [
    ['*', '-google.*'],
    { 'google.co.uk': 'direct', 'www.google.com': 'gateway', 'google.evil.com': 'gateway' },
  ],
  [
    ['*', '-127.0.0.1', '-192.0.2.1'],
    { '::ffff:192.0.2.1': 'direct', 3221225985: 'direct', '192.0.2.2': 'gateway' },
  ],
  [
    ['  *.example.com ', '\t-  www.example.com\n'],
    { 'shop.example.com': 'gateway', 'www.example.com': 'direct' },
  ],
  [
    ['bad rule', 'https://a.example', '', '-', '--a', 'good.example'],
    { 'good.example': 'gateway', 'a.example': 'direct' },
  ],
  [['example.com', 'example.com'], { 'example.com': 'gateway' }],
];
