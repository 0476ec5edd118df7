import type { Names } from './lists.ts'

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '')

/** Words that are names, and names that are words. */
export const AMBIGUOUS: Names = {
  first:
    words(`Will May Grace Chase Jordan Paris Virginia Hope Mark Faith Joy Rose Lily Daisy Summer Autumn April June August Dawn Eve Frank Bill Rob Jack
 Pat Sue Drew Grant Miles Chip Art Gene Rich Dean Hunter Mason Carter Parker Cooper Taylor Tyler Chance Christian Angel Iris Violet Ivy Amber Crystal Ruby
 Pearl Jade Sky Star Destiny Trinity Melody Harmony Charity Patience Prudence Mercy Constance Victoria Sydney Austin Dallas Houston Madison Carolina Georgia
 Savannah Charlotte Florence Chelsea Brooklyn London Israel India China Kenya Asia America Cash Price Sterling Penny Buck Rusty Sunny Stormy Misty Holly
 Heather Ginger Olive Sage Basil Herb Clay Cliff Reed Heath Glen Dale Lane Brook River Forest Ford Royce Mercedes Lincoln Kennedy Max Guy Earl Duke Prince
 King Major Bishop Lance Pierce Wade Trip Nick Dick Bob Ray Harry Nelson Santiago Diego Francisco Salvador Consuelo Esperanza Luz Paz Sol Mar Dolores
 Trent Dakota Cheyenne Phoenix Denver Memphis Raleigh Lourdes Milan Alexandria Adelaide Lorraine Jasmine Hazel Skip Josh Stew Barb Peg Candy Cherry Robin
 Jay Wren Colt Case Ace Roman Noble Royal Justice Liberty Honor Reign Blue Gray Scarlett Bella Sandy Rocky Cody Dolly Chuck Tanner`),
  last: words(`Young Long Short White Black Brown Green Gray Little Small Rich Wise Best Good Moody Strong Bush Wood Woods Stone Field Fields Banks Bank Rivers
 Lake Hill Hills Park Parks Church Bell Ball Bond Cash Price Money Penny Pound Gold Silver Fisher Cook Baker Butcher Carpenter Mason Smith Taylor Miller Wells
 Fargo Morgan Stanley Goldman Chase Ford Washington Lincoln Jackson Houston Dallas London Paris Berlin Holland England Ireland Day Week Weeks May March Winter
 Summers Frost Snow Rain Love Hope Joy Grace Case Page Bill Law Sharp Swift Quick Power Powers Walker Rider Chance Fortune Post House Street Lane Way Bridges
 Gates Jobs Cruise Hunt Drew Grant Mark Marks Payne Cross Christian Child Bishop Pope King Prince Duke Knight Major Wolf Fox Hart Bird Finch Crane Fish Salmon
 Rice Bacon Berry Cherry Pepper Root Branch Reed Rose Flowers Garden Land Waters Brooks Ford Pool Wall Walls Floor Temple Hall Barn Shepherd Farmer Judge
 Constable Marshall Sargent Early Noon Friday Sunday English French German Welsh Scott Norman Flood Gale Storm Dark Light Battle Speed Self Hand Foot Head
 Beard Chin Cheek Bone Hurt Ash Ashes Pine Oakes Iglesias Flores Rojas Campos Rios Cruz Santos Leon Toledo Medina Cordoba Navarro Zamora Burgos Koch Bauer
 Richter Kaiser Klein Lang Kurz Weiss Schwarz Braun Petit Legrand Leblanc Lebrun Boulanger Berger Marchand Roy Rossi Bianchi Romano`),
}

/** Places that people are named as. */
export const NAMESAKES = words(
  `Paris Jordan Georgia Virginia Sydney Austin Florence Charlotte Madison Victoria Orlando Lincoln Jackson Houston Dallas London Phoenix Chelsea Brooklyn
 Israel Kenya India China Chad Carolina Savannah Sierra Dakota Cheyenne Denver Memphis Raleigh Milan Alexandria Adelaide Lorraine Vienna Verona Siena Sienna Geneva Valencia
 Santiago Salvador Trinidad Cuba Holland Ireland Bristol Lancaster Chester Preston Kent Devon Asia Africa America Troy Eugene Salem Helena Augusta Concord Logan
 Francisco Diego Lourdes Camden Hudson Easton Weston Boston Trenton Kingston Clinton Franklin Jefferson Monroe Marion Aurora Regina Laramie Selma Odessa Petra
 Bethany Avalon Catalina Shannon Erin Iona Skye Ayr Tyne Roma Florencia Persia Britain Germany Cairo Lima Bali Java Malta Zaire Rhodes Macon Tyler Abilene Laredo Reno`,
)
/** Organisations whose names are words. */
export const COMMON_COMPANIES = words(
  `Apple Target Shell Orange Chase Ford Discover Visa Ally Meta Delta Progressive Gap Amazon Oracle Total Square Stripe Sprint Dove Puma Tide Subway Virgin Next Boots Principal Guardian
 Citizens Regions Nationwide Fidelity Prudential Vanguard Affirm Plaid Robinhood Acorns Chime Wise Match Indeed Monster Uber Lyft Alphabet Blackberry Caterpillar Polo Jaguar Mint Oscar
 Humana Anthem Aviva Hertz Budget Frontier Spirit United American Southwest Cricket Boost Visible Three Sky Bell Rogers Harvest Trader`,
)
export const MONTHLY = words('April May June August January')
/** Orders, and nouns and adjectives, that are names elsewhere, as sentences begin with them. */
export const ORDERS = words(
  'Mark Chase Grant Bill Frank Bob Rob Skip Pierce Lance Chip Sue Pat Jack Wade Trip Buck Peg Stew Nick Clay Cash Price Page Park Cook Drew Rose Hunt Hope Will Chuck Dot Josh Harry Ward Case Post Pitch Rush Wait Dash',
)
export const NOUNS = words(
  `Hope Grace Faith Joy Rose Art Summer Autumn Dawn Crystal Amber Ivy Holly Iris Violet Olive Ginger Sage Basil Heather Cash Price Penny Sterling Young Rich Frank Christian Norman Bishop King Prince Duke Earl
 Dean Hunter Mason Cooper Carter Parker Destiny Patience Charity Mercy Liberty Justice Honor Angel Star Sky River Forest Glen Cliff Dale Brook Lane Ray Max Guy Bill Jack Pearl Ruby Jade Opal Coral Robin Jay
 Wren Sunny Stormy Misty Rocky Sandy Rusty Ace Will May Mark Melody Harmony Carol Bob Gene Miles Chip Herb Drew Chance Major Noble Royal Victoria Virginia Florence Jordan Savannah Pepper Candy Cherry Bank Church
 Bell Ball Field Hill Park Stone Wood Cook Baker Butcher Fisher Smith Taylor Knight Pope Judge Marshall Page Post Gates Love Power Sharp Swift Quick Best Good Long Short Small Little White Black Brown Green`,
)
/** Names in the names of diseases, signs and instruments, and what they stand in front of. */
export const EPONYMS = words(
  `Foley Glasgow Babinski Hodgkin Parkinson Alzheimer Crohn Apgar Whipple Lyme Epstein-Barr Guillain-Barré Kawasaki Down Turner Marfan Addison Cushing Graves Hashimoto Sjögren Raynaud Wilson Huntington Tourette
 Asperger Bell Meniere Ménière Barrett Murphy McBurney Romberg Kernig Brudzinski Trendelenburg Schönlein-Henoch Chagas Hansen Paget Wegener Behçet Dupuytren Charcot Duchenne Becker Ewing Wilms Kaposi Burkitt
 Swan-Ganz Hickman Heimlich Valsalva Braden Ranson Child-Pugh Gleason Breslow Snellen Ishihara Rorschach Wechsler Barthel Karnofsky Fahrenheit Doppler Coombs Gram Papanicolaou Mantoux Mohs Cobb Colles`,
)
export const EPONYM_NOUNS =
  'disease,syndrome,sign,procedure,catheter,lymphoma,test,score,coma scale,virus,reflex,sarcoma,criteria,classification,palsy,esophagus,scale,titre,manoeuvre,stain,fracture,drain,nodes,thyroiditis'.split(
    ',',
  )
