// Replaces the content alone, so that place and focus stay; a page that is out of date says so.
const lost=document.getElementById("lost");
async function again(){
  try{
    const answer=await fetch("/",{cache:"no-store"});
    if(!answer.ok)throw new Error(answer.status);
    // without its head: the style there bears the nonce of another answer
    const body=(await answer.text()).split("<body>")[1];
    const fresh=new DOMParser().parseFromString(body,"text/html");
    for(const id of ["state","content"]){
      const now=document.getElementById(id),then=fresh.getElementById(id);
      if(now.innerHTML!==then.innerHTML)now.innerHTML=then.innerHTML;
    }
    document.title=fresh.getElementById("content").dataset.title;lost.hidden=true;
  }catch(error){lost.hidden=false}
}
setInterval(again,1000*document.documentElement.dataset.refresh);
document.addEventListener("visibilitychange",()=>{if(!document.hidden)again()});
