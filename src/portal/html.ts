/** HTML as a tagged template: values are escaped, what is HTML already passes. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Html | string | number | undefined | readonly (Html | string)[]

export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.reduce((text, part, i) => text + rendered(values[i - 1]) + part))
}

function rendered(value: Value): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(v => rendered(v as Html | string)).join('')
  return String(value).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)
}
