/** Until a rule that was set counts in the service: what it closes asks for a login. */
export async function closes(url: string): Promise<void> {
  for (let i = 0; (await fetch(url)).status !== 401; i++) {
    if (i > 100) throw new Error(`${url} stays open`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
