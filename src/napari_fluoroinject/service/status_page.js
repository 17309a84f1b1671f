// Replaces the content alone, so that place and focus stay; a page that is out of date says so.
const lost=document.getElementById("lost");
async function again(){
  try{
    const answer=await fetch("/",{cache:"no-store"});
    if(!answer.ok)throw new Error(answer.status);
    const fresh=new DOMParser().parseFromString(await answer.text(),"text/html");
    for(const id of ["state","content"]){
      const now=document.getElementById(id),then=fresh.getElementById(id);
      if(now.innerHTML!==then.innerHTML)now.innerHTML=then.innerHTML;
    }
    document.title=fresh.title;lost.hidden=true;
  }catch(error){lost.hidden=false}
}
setInterval(again,1000*document.documentElement.dataset.refresh);
document.addEventListener("visibilitychange",()=>{if(!document.hidden)again()});
