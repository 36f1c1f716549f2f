// The live test of /auth/connect: asks the service what it sees, with the token or with the browser's own login.
const form = document.getElementById('try')
const answer = document.getElementById('answer')

form.addEventListener('submit', async event => {
  event.preventDefault()
  const token = document.getElementById('token').value.trim()
  answer.textContent = '…'
  answer.classList.remove('problem')
  try {
    const response = await fetch(form.dataset.whoami, {
      headers: { 'X-Requested-With': 'XMLHttpRequest', ...(token && { Authorization: `Bearer ${token}` }) },
    })
    const said = await response.json()
    answer.classList.toggle('problem', !response.ok)
    answer.textContent = response.ok ? JSON.stringify(said, null, 2) : said.error.message
  } catch (error) {
    answer.classList.add('problem')
    answer.textContent = `The service does not answer: ${error.message}`
  }
})
