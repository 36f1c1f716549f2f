// The sky page: Aladin Lite on the HiPS of this service, and of nobody else.
import A from './aladin.js'

const { surveys: trees, catalogues } = JSON.parse(document.getElementById('trees').textContent)
const select = document.getElementById('survey')

if (trees.length > 0) {
  await A.init
  const [first] = trees
  const aladin = A.aladin('#aladin', {
    survey: surveyOf(first),
    target: `${first.ra} ${first.dec}`,
    fov: first.fov,
    cooFrame: 'ICRS',
    hipsList: [],
    log: false,
    showShareControl: false,
    showSimbadPointerControl: false,
    showLayersControl: true,
    showCooGridControl: true,
  })
  select.addEventListener('change', () => {
    const tree = trees.find(({ name }) => name === select.value)
    aladin.setImageSurvey(surveyOf(tree))
  })
  for (const box of document.querySelectorAll('[name=catalogue]')) {
    let catalogue
    box.addEventListener('change', () => {
      if (!catalogue) {
        catalogue = catalogueOf(catalogues.find(({ name }) => name === box.value))
        aladin.addCatalog(catalogue)
      }
      if (box.checked) catalogue.show()
      else catalogue.hide()
    })
  }
}

function surveyOf({ name, title, formats }) {
  const url = new URL(`../hips/${name}`, import.meta.url).href
  const imgFormat = ['webp', 'png', 'jpeg', 'fits'].find(format => formats.includes(format))
  return A.imageHiPS(name, { url, name: title, imgFormat })
}

function catalogueOf({ name, title }) {
  const url = new URL(`../hips/${name}`, import.meta.url).href
  return A.catalogHiPS(url, { name: title, onClick: 'showTable', sourceSize: 8 })
}
