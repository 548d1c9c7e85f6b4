/**
 * What keys do beside what a browser does by itself; without it everything works by mouse and tab. Fixed text, so that the policy can
 * allow it by its hash alone. Never while something is typed: Vietnamese is typed with letters and digits that change what stands there.
 */
export const script = `
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
addEventListener('pageshow',function(){document.querySelectorAll('form').forEach(function(form){delete form.dataset.sent})})
`
