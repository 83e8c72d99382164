"""The smallest and the most frequent words of languages, by which `language` tells them apart."""

from __future__ import annotations

WORDS = {
    "en": (
        "the a an and are is was it you i to of in that this do does what how not my your we have be can for "
        "on with at me no yes he she they them him her his their our us who which when where why there here "
        "if or but so because than then by from about out up will would could should has had did been were am "
        "all any some one more very just know think want get go let like please hello hi thanks thank oh okay "
        "it's i'm that's don't can't as come also ten over men time far may make man arm these those its own "
        "only into after again before other such most same too two new good well see say said tell much many "
        "every never always really little long day way people thing happy glad sure nice great fine cool wow "
        "yeah yep nope nah sorry thank's what's it'll i'd i've i'll you're you've you'd you'll he's she's "
        "we're they're isn't aren't wasn't weren't doesn't didn't won't wouldn't shouldn't couldn't haven't "
        "hasn't let's there's who's where's how's here's work works working home house school book books read "
        "reading write writing learn learning speak speaking language english name names number first last "
        "next back down off left right big small old young high low best better less few both each while "
        "still even around away since until without within between under against during through something "
        "anything nothing everything someone anyone everyone nobody today tomorrow yesterday morning evening "
        "afternoon tonight week month year hour minute food eat drink water coffee tea bread milk money price "
        "cost buy sell pay help need feel felt find found give gave given take took taken made making came "
        "coming going gone went knew known thought told ask asked answer question talk talking play playing "
        "watch watching listen hear heard look looking looks seem seems keep kept put run running walk live "
        "lived living life love loved friend friends family mother father brother sister child children boy "
        "girl woman women person world country city place room door car train bus plane street night weather "
        "rain cold warm hot red blue green black white whatever maybe perhaps probably actually quite rather "
        "enough almost already soon later early late once twice together welcome course indeed sounds sound "
        "getting got become became begin began start started stop try tried trying call called use used using "
        "wait happened happen happens means mean believe understand remember forget hope wish ready open "
        "close true false wrong easy hard idea problem reason example story word words sentence translate "
        "translation saying goodbye bye cheers congratulations ha haha hey uh um hmm omg lol baby agree film "
        "movie song music game team sport color colour list alright"
    ),
    "de": (
        "der die das und ist nicht ein eine ich du wie was es wir sie mit auf für zu den dem von auch ja nein "
        "sind bin habe kann uhr er ihr mein dein kein keine einen einer im am aber oder wenn wer wo warum "
        "hast hat bist war mich dich mir dir uns gut sehr noch nur schon danke bitte hallo dass als aus bei "
        "nach werden wird sich um so immer möchte heute guten gute guter morgen abend nacht tag schön geht's "
        "geht heißt heiße hätte gern gerne ihnen ihre ihren seine seinen können kannst müssen will willst "
        "machen macht jetzt hier dort dann denn doch etwas alles nichts mal ganz viel wieder unser deutsch "
        "spreche sprechen verstehe wohnst wohne komme kommst tschüss genau natürlich vielleicht klar zwei "
        "drei vier fünf"
    ),
    "es": (
        "el la los las y es son un una qué que de en no se por con para cómo estoy está hola gracias sí su mi "
        "tu pero muy cinco hora del lo le te me al como más eres ser tiene tienes quién quien dónde cuándo "
        "cuál cual porque nada todo bien yo ella nosotros esto eso hay fue ha soy usted buenos buenas días si "
        "o sus puedo puedes somos entonces leer algo tú cosa cosas nueva nuevo gente sé saber tiempo tienen "
        "siento claro están estás estamos adiós muchas mucho muchos cuánto cuántos cuánta cuántas vamos "
        "hablar hablo hablas español tengo tenemos dos tres cuatro siete ocho nueve diez noches tardes buena "
        "buen favor quiero quieres quiere gusta gusto igualmente encantado llamo llama llamas aquí allí ahora "
        "también nunca siempre hasta luego mañana hoy ayer ir voy vas va hacer hago hace decir otro otra "
        "mismo sobre entre desde nuestro nuestra tus mis vez hermano hermana familia amigo años"
    ),
    "fr": (
        "le la les et est un une des je tu vous il elle nous que qui ne pas de du en pour avec bonjour merci "
        "oui non c'est j'ai dans ce cette au aux sur suis es sont mais ou où quel quelle quoi comment "
        "pourquoi mon ton son ma ta sa mes votre vos très bien plus tout être avoir fait peut peux aime moi "
        "toi lui leur se par d'un d'une qu'est l'on n'est ça va année fois rien chose enchantée voudrais "
        "plaît s'il bonsoir salut d'accord heure est-il êtes sommes avez avons ont avais était c'était vais "
        "allez allons faire fais veux voulez pouvez parle parlez français ici là maintenant aussi "
        "toujours jamais alors donc parce quand beaucoup peu petit petite grand grande même autre autres deux "
        "trois quatre cinq sept huit neuf dix comme sans sous chez cherche gare aujourd'hui demain hier n'ai "
        "n'as qu'il qu'elle l'ai t'appelles m'appelle enchanté"
    ),
    "it": (
        "il lo gli e è un una che di non sono per con come ciao grazie sì mi ti ho hai questo della nel ma "
        "anche la le i del dei delle al alla si sei ha chi cosa cos'è perché dove quando quale qual molto "
        "bene mio tuo essere fare tutto più se io tu lui lei noi da in su dal nella quanto ne ci era stato "
        "posso puoi possiamo dobbiamo quali quanti quante qualsiasi degli negli agli dalla sulla anni niente "
        "nessuno buongiorno buonasera stai sto sta siamo siete hanno abbiamo questa quello quella sempre mai "
        "adesso ora oggi domani ieri dopo prima voglio vuoi vuole certo prego scusa scusi parlo parli "
        "italiano chiamo chiami qui lì così allora quindi anch'io due tre quattro cinque sette otto nove "
        "dieci ore"
    ),
    "pt": (
        "o os as e é um uma que de não em para com como você eu obrigado sim está isso meu minha mas muito "
        "bom dia do da dos das no na nos nas se por ao à mais são sou ser tem quem qual onde quando porque "
        "seu sua ele ela foi ou tudo bem ter pode posso te me aí país certeza pelo pela pelos numa história "
        "meus minhas olá obrigada tenho temos vou vai vamos fazer estou estás estão falar falo fala português "
        "aqui agora hoje amanhã ontem também sempre nunca depois antes gosto quero quer então nosso nossa "
        "tarde noite boa três quatro cinco sete oito nove dez horas até prazer"
    ),
    "nl": (
        "de het een en is ik je niet van dat wat hoe waar wie ben bent zijn hebt heb heeft met voor op te aan "
        "die dit er ook maar als wel geen mijn jouw uw ze wij hij kan kun kunt naar om bij nog goed dank "
        "hallo goedemorgen ja nee waarom dan over zo mij moet wordt door uit laat drie twee vier vijf zes "
        "zeven acht negen tien dag alsjeblieft alstublieft dankjewel u bedankt jou jullie ons onze deze "
        "wanneer omdat veel weinig altijd nooit nu hier daar toen wil wilt willen gaan gaat ga doen doe doet "
        "maken spreek nederlands goedenavond zoek"
    ),
    "sv": (
        "och att det är en ett jag du inte som på för med av den till har vad hur kan mig dig vi ni han hon "
        "om var hej tack ja nej ska vill min din från eller men så mycket bra när vem sig vara varför detta "
        "där här heter mår all alla kommer aldrig två tre fyra fem sex sju åtta nio tio går också alltid god "
        "varsågod snälla trevligt klockan nu sedan bara lite efter innan ingen något allt"
    ),
    "da": (
        "og at det er en et jeg du ikke som på for med af den til har hvad hvordan kan mig dig vi han hun om "
        "var hej tak ja nej skal vil min din fra eller men så meget godt når hvem sig være hvorfor dette der "
        "her klokken hedder kommer går også altid aldrig velkommen to tre fire fem seks syv otte ni ti hvor "
        "noget alt godmorgen farvel undskyld taler dansk"
    ),
    "pl": (
        "i w nie się na to jest że z do co jak tak czy ja ty mi mnie ci dla po od za ale jestem masz mam może "
        "dzień dobry dziękuję proszę ma był być jego jej tym już tylko gdzie kto kiedy dlaczego która godzina "
        "trzecia cześć dobranoc wieczór przepraszam polsku rozumiem bardzo dobrze też tutaj teraz dzisiaj "
        "jutro wczoraj jesteś są mieć robić dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć nazywam "
        "mój moja twój nic coś zawsze nigdy bo"
    ),
    "tr": (
        "ve bir bu ne mi mı mu mü ben sen o için çok da de ile nasıl nasılsın evet hayır merhaba teşekkürler "
        "var yok değil daha gibi kadar benim senin bana sana olan olarak nedir kim nerede neden ama iyi misin "
        "şu siz neredesin sadece saat kaç günaydın iyiyim teşekkür ederim lütfen üç iki dört beş altı yedi "
        "sekiz dokuz adın adım şimdi bugün yarın dün hoş geldiniz güle istiyorum ediyorum biliyorum türkçe "
        "bunu şey ki her"
    ),
    "id": (
        "yang dan di ke dari itu ini saya anda aku kamu tidak apa adalah untuk dengan ada bisa akan bagaimana "
        "siapa mengapa kenapa terima kasih selamat pagi ya dalam pada juga atau lebih sangat sudah belum mana "
        "oleh seperti karena jam berapa sekarang tiga dua empat lima enam tujuh delapan sembilan kabar baik "
        "siang sore malam sama-sama tolong permisi nama boleh tahu mau ingin hari besok kemarin orang makan "
        "minum bahasa kita mereka dia kami telah harus jangan sini sana sekali banyak encik puan awak tak nak"
    ),
    "vi": (
        "là không có của và tôi bạn cho được một các này đó gì nào với người xin chào cảm ơn em anh rất thế ở "
        "đi mấy giờ rồi ba hai bốn năm sáu bảy tám chín mười tên khỏe chúng ta họ nó nói tiếng việt làm bao "
        "nhiêu ơi nhé ạ"
    ),
    "cs": (
        "je se že na to jak co ne ano jsem jsi mám máš pro není ale já ty mi tě dobrý den děkuji prosím proč "
        "kde kdo kdy který jako být byl už ještě kolik hodin hodiny jsou tři dva čtyři pět šest sedm osm "
        "devět deset ahoj dobře večer noc mluvíte česky rozumím jmenuji jsme jste mají nebo také tady teď "
        "dnes zítra včera něco nic vždy nikdy protože když"
    ),
    "ro": (
        "și este nu un o în de la cu pe ce cum eu tu mă te mai sunt ești bună mulțumesc da pentru din că dar "
        "unde cine când foarte cât ceasul ora trei doi patru cinci șase șapte opt nouă zece salut ziua seara "
        "noapte noroc vă rog limba română vorbesc sau acum azi mâine ieri suntem sunteți avem aveți nimic "
        "ceva mereu niciodată"
    ),
    "fi": (
        "ja on ei se en että mitä miten minä sinä hän olen olet hei kiitos kyllä mutta kun niin ole myös tämä "
        "mikä missä kuka miksi hyvää paljonko kello kolme kaksi neljä viisi kuusi seitsemän kahdeksan "
        "yhdeksän kymmenen moi terve huomenta iltaa yötä anteeksi puhun suomea olemme nimi nimeni nyt tänään "
        "huomenna eilen aina koskaan koska vain paljon vähän"
    ),
    "no": (
        "hva heter jeg du deg meg ikke hvordan går det og er en et på av til har kan vi han hun om var hei "
        "takk ja nei skal vil min din fra eller men så mye godt når hvem seg være hvorfor dette der her "
        "hyggelig møte dere noe bare også klokken"
    ),
    "hu": (
        "hány óra van három kettő négy öt hat hét nyolc kilenc tíz szia hogy vagy vagyok köszönöm jól igen "
        "nem és az egy ez azt mit miért hol ki mikor jó napot reggelt estét kérem magyarul beszél nagyon csak "
        "már még is de mert ha"
    ),
    "hr": (
        "koliko je sati tri dva četiri pet šest sedam osam devet deset kako si ste sam smo hvala dobro dan "
        "jutro večer molim da ne što šta gdje tko ko zašto ali ili nije nisam ima imam samo vrlo danas sutra "
        "jučer bok zdravo ovo taj moj tvoj se na za od i u"
    ),
    "sk": (
        "koľko je hodín sú tri hodiny ďakujem prosím dobrý deň ahoj ako sa máš mám som si čo nie áno ale "
        "alebo keď prečo kde kto dnes zajtra včera veľmi dobre pán na za pre"
    ),
    "ca": (
        "quina hora és són les tres gràcies bon dia com estàs molt bé què on qui per però també amb els una "
        "aquest aquesta jo nosaltres vosaltres sóc ets tinc tens adéu si us plau"
    ),
    "tl": (
        "kumusta ka mabuti naman ako salamat ikaw ang mga ng sa na ay oo ano saan sino bakit po opo ko mo "
        "niya tayo kami sila ito iyan maganda umaga gabi hapon paano kung pero rin din lang"
    ),
    "sw": (
        "habari yako nzuri sana asante unatoka wapi jambo mimi wewe yeye sisi ninyi wao ni si na ya wa kwa "
        "katika hii hiyo nini nani lini sababu ndiyo hapana karibu tafadhali jina langu lako ninatoka "
        "ninapenda"
    ),
    "lt": (
        "kiek valandų trys ačiū labas kaip sekasi gerai taip ne aš tu jis ji mes jūs yra esu ir su bet arba "
        "kur kas kodėl prašau diena rytas dabar šiandien rytoj vakar labai"
    ),
    "lv": (
        "cik ir pulkstenis trīs paldies labdien sveiki kā iet labi jā nē es tu viņš viņa mēs jūs un ar bet "
        "vai kur kas kāpēc lūdzu tagad šodien rīt vakar ļoti"
    ),
    "et": (
        "mis kell kolm aitäh tere kuidas läheb hästi jah ei mina sina tema meie teie nemad olen oled ja aga "
        "või kus kes miks palun päev hommikust nüüd täna homme eile väga"
    ),
    "is": (
        "hvað er klukkan hún þrjú takk fyrir góðan daginn hvernig hefur þú það ég ekki já nei og en eða hvar "
        "hver hvenær mjög vel heiti heitir"
    ),
    "sq": (
        "sa është ora tre faleminderit mirëdita si jeni jam unë ti ai ajo ne ju ata po jo dhe me por ose ku "
        "kush pse shumë mirë ditën tani sot nesër dje lutem"
    ),
    "af": (
        "hoe gaan dit met jou dankie goed nie het is ek jy sy hy ons hulle wat waar wanneer wie hoekom baie "
        "asseblief môre nag en maar of ook nou vandag gister"
    ),
    "eo": (
        "kiel vi fartas mi bone dankon kio kie kiu kial estas kaj sed aŭ ne jes la saluton bonan tagon ĉu tre "
        "nun hodiaŭ morgaŭ hieraŭ"
    ),
    "la": (
        "quid agis bene valeo gratias tibi ago est sunt et non sed aut ubi quis cur ego nos vos sum salve "
        "vale magister cum ad ex quod qui quae enim etiam"
    ),
    "hi": (
        "kya haal hai main theek hoon aap kaise ho kar raha rahi nahi nahin yaar bhai kuch bas aise mera meri "
        "tera teri hum tum mujhe tujhe ye yeh woh wo ka ki ke ko se mein aur lekin kyun kyon kab kahan kaun "
        "kaisa kaisi accha acha haan ji bahut thoda hota hoga tha thi karo karna chahiye namaste shukriya "
        "dhanyavaad abhi kal aaj"
    ),
    "ja": (
        "konnichiwa ohayou genki desu ka hai watashi wa arigatou gozaimasu anata boku desuka masu nani doko "
        "dare naze itsu sumimasen gomen nasai kudasai wakarimasen wakarimashita sayonara nihongo "
        "hajimemashite yoroshiku onegaishimasu"
    ),
}
"""Language -> its words."""
ENGLISH_TOO = (
    "ad ago ale ali alt amigo ang antes bang bare ben bet bin bo bone bra chi com comment con cum cur dal "
    "dare das den der die dig dove due een ego era es ex favor fire god grand grande gusto ham hat hay "
    "hon hum hun jam kan kin lang lite llama llamas main mal mana met mo nada nag ne nun ole opt ore pan "
    "par pas per pet petite plus pour pre prima pro salve sang sans sedan sex sin son sore sot sous sum "
    "tack tag tens til till ton vain vale van war wat wo ya ye yo"
)
"""Words of other languages that are English too: they say nothing."""
