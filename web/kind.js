// What kind of file a person holds. The page looks for the digest of an original; files of Starfire's own and credentials are
// checked by the command line, and are not on record themselves.

/** Only so many bytes are read: what tells a file's kind stands in it as a whole, and these files are small. */
export const BYTES_MAX = 1024 * 1024;

const FORMATS = ['starfire-proof/1', 'starfire-document/1', 'starfire-evidence/1'];

/**
 * The command that checks a file of this kind, or null for an original.
 *
 * @param {Blob} file
 */
export async function commandFor(file) {
  if (file.size > BYTES_MAX) return null;
  const text = (await file.text()).trim();
  // A compact token or SD-JWT: three parts, the first of which is a JSON object in base64url.
  if (/^eyJ[\w-]*\.[\w-]+\.[\w-]+(~.*)?$/.test(text)) return 'starfire vc verify';
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (json === null || typeof json !== 'object') return null;
  const types = [json.type].flat();
  if (types.includes('VerifiableCredential') || types.includes('VerifiablePresentation')) return 'starfire vc verify';
  return FORMATS.includes(json.format) ? 'starfire verify' : null;
}
