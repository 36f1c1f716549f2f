/**
 * What HTML of ours may do in a browser (Content Security Policy 3), by where it comes from. None may be framed, and
 * none loads anything from elsewhere.
 */

/** Pages of the portal: our own style sheets, scripts that are files, forms. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

/** Results that are pages with a style of their own, and no script. */
export const RESULT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

/**
 * Files that somebody or something else wrote: a gallery, the page of a HiPS. Their scripts run as of no site, where a
 * login is out of reach.
 */
export const FILE_POLICY =
  "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"

export const isHtml = (contentType: string) => contentType.startsWith('text/html')
