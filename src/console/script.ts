/**
 * What keys do beside what a browser does by itself, and sorting of tables that are whole (`data-sort`, with the number of rows that are shown
 * before the others are unfolded); without it everything is read, and works by mouse and tab. Fixed text, so that the policy can
 * allow it by its hash alone. Never while something is typed: Vietnamese is typed with letters and digits that change what stands there.
 */
export const script = String.raw`
document.addEventListener('keydown',function(event){
  var at=event.target
  if(event.defaultPrevented||event.isComposing||event.repeat||event.ctrlKey||event.metaKey||event.altKey)return
  if(/^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)&&!/^(radio|checkbox)$/.test(at.type))return
  if(event.key.length!==1)return
  var found=document.querySelector('[data-key="'+event.key.replace(/[^a-z0-9/]/g,'')+'"]')
  if(!found)return
  event.preventDefault()
  if(found.tagName==='INPUT'&&found.type==='radio'){found.checked=true;found.focus()}
  else if(found.tagName==='INPUT')found.focus()
  else found.click()
})
document.addEventListener('change',function(event){
  var at=event.target
  if(!at.dataset||at.dataset.all===undefined)return
  at.form.querySelectorAll('input[type=checkbox][name="'+at.dataset.all+'"]').forEach(function(box){box.checked=at.checked})
})
document.addEventListener('submit',function(event){
  if(event.target.dataset.sent){event.preventDefault();return}
  event.target.dataset.sent='1'
})
var live=document.querySelector('[data-live]')
if(live&&window.EventSource)new EventSource(live.dataset.live).onmessage=function(event){live.innerHTML=JSON.parse(event.data)}
document.querySelectorAll('table[data-sort] thead th').forEach(function(head){
  if(!head.textContent.trim())return
  var button=document.createElement('button')
  button.type='button';button.className='sort'
  while(head.firstChild)button.appendChild(head.firstChild)
  head.appendChild(button)
})
function valueOf(cell,isNumber){
  var lang=document.documentElement.lang
  var text=((cell.querySelector('.'+lang)||cell).textContent||'').trim()
  var day=/^(?:(\d\d)\/)?(\d\d)\/(\d{4})(?: (\d\d:\d\d))?/.exec(text)
  if(day)return day[3]+day[2]+(day[1]||'')+(day[4]||'')
  if(!isNumber)return text
  var plain=lang==='vi'?text.replace(/\./g,'').replace(',','.'):text.replace(/,/g,'')
  var found=/-?\d+(?:\.\d+)?/.exec(plain)
  return found?Number(found[0]):-1
}
document.addEventListener('click',function(event){
  var button=event.target.closest('button.sort')
  if(!button)return
  var head=button.parentNode,table=head.closest('table'),place=head.cellIndex
  var isNumber=head.classList.contains('number'),was=head.getAttribute('aria-sort')
  var isUp=was?was==='descending':!isNumber
  table.querySelectorAll('th[aria-sort]').forEach(function(other){other.removeAttribute('aria-sort')})
  head.setAttribute('aria-sort',isUp?'ascending':'descending')
  var rows=Array.from(table.tBodies[0].rows).map(function(row){return{row:row,value:valueOf(row.cells[place],isNumber)}})
  rows.sort(function(a,b){
    var order=typeof a.value==='number'&&typeof b.value==='number'?a.value-b.value:String(a.value).localeCompare(String(b.value),document.documentElement.lang,{numeric:true})
    return isUp?order:-order
  })
  rows.forEach(function(one,index){
    one.row.classList.toggle('rest',table.dataset.sort!==''&&index>=Number(table.dataset.sort))
    table.tBodies[0].appendChild(one.row)
  })
})
addEventListener('pageshow',function(){document.querySelectorAll('form').forEach(function(form){delete form.dataset.sent})})
`
