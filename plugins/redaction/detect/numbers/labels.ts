import { cueOf, lexiconOf } from '../context.ts'

const phrases = (list: string): string[] =>
  list
    .split(/\s*[,\n]\s*/)
    .map((phrase) => phrase.trim())
    .filter((phrase) => phrase !== '')

/**
 * What stands in front of numbers in English, Spanish, German, French, Italian, Portuguese and Dutch, and in names of JSON members. Words such as
 * "number" and "no." may follow a label (../context.ts), and are not repeated here.
 */
export const LABELS = lexiconOf({
  card: phrases(`card, cards, credit card, debit card, card number, creditcard, debitcard, cardnumber, cc, ccn, pan, cc number, primary account number,
    payment card, visa, mastercard, amex, american express, discover, diners, maestro, jcb, unionpay, tarjeta, tarjeta de crédito, tarjeta de débito, kreditkarte,
    kreditkartennummer, kartennummer, carte bancaire, carte de crédit, numéro de carte, carta di credito, cartão, cartão de crédito, creditcardnummer, kaart, kaartnummer, numer karty, karta, karta kredytowa`),
  cvv: phrases(`cvv, cvv2, cvc, cvc2, cvn, csc, cid, cav2, security code, card verification, card verification value, card security code, verification code on the card,
    código de seguridad, código de verificación, prüfziffer, kartenprüfnummer, sicherheitscode, cryptogramme, code de sécurité, codice di sicurezza, código de segurança`),
  expiry:
    phrases(`exp, expiry, expires, expiration, exp date, expiry date, expiration date, valid thru, valid through, good thru, valid until, caduca, caducidad, vencimiento,
    vence, válida hasta, gültig bis, ablaufdatum, expire, date d'expiration, expiration le, scadenza, validade, vervaldatum`),
  pin: phrases(
    'pin, pin code, pin number, pincode, atm pin, card pin, clave, geheimzahl, code pin, code secret, codice pin, pincode',
  ),
  iban: phrases(
    'iban, international bank account, kontonummer iban, numéro iban, código iban, bank account number iban',
  ),
  account:
    phrases(`account, account number, acct, acc, acct no, a c, ac no, acc no, account no, bank account, checking, checking account, savings, savings account, deposit account, routing and account,
    checking acct, savings acct, brokerage account, account num, accountnumber, direct deposit, wire account, beneficiary account,
    cuenta, cuenta bancaria, número de cuenta, konto, kontonummer, konto nr, bankkonto, compte, numéro de compte, compte bancaire, conto, conto corrente,
    numero di conto, conta, conta bancária, número da conta, rekening, rekeningnummer, bankrekening, numer konta, nr konta, rachunek, numer rachunku, rachunek bankowy`),
  routing: phrases(
    'routing, routing number, routing transit, ach routing, aba, aba number, rtn, aba routing, routing no, transit number',
  ),
  sort: phrases('sort code, sortcode, sort codes, sc, s c, bank sort code'),
  bic: phrases(
    'bic, swift, swift code, bic code, swift bic, bic swift, swift address, bankleitzahl bic, código swift, código bic',
  ),
  cusip: phrases('cusip'),
  isin: phrases('isin, wkn isin, securities identification, securities'),
  lei: phrases('lei, legal entity identifier, legal entity, uli'),
  ssn: phrases(
    `ssn, ssns, social security, social security number, social security no, soc sec, social sec, ss number, ss no, ss, social, ssn last, socialsecuritynumber, us ssn, taxpayer ssn`,
  ),
  itin: phrases(
    'itin, atin, individual taxpayer identification, individual taxpayer identification number, taxpayer identification number, individual taxpayer, taxpayer identification, taxpayer id, tax id, tin',
  ),
  ein: phrases(
    'ein, fein, employer identification, employer identification number, federal tax identification number, employer id number, employer id, federal tax id, federal tax identification, tax id, employer tax id, tin, business tax id, federal id',
  ),
  nino: phrases('nino, national insurance, national insurance number, ni number, ni no, ni, nat ins'),
  nhs: phrases('nhs, nhs number, nhs no, national health service'),
  npi: phrases(
    'npi, national provider identifier, national provider, provider identifier, provider npi, provider id, provider, npi number, prescriber, national provider identification number',
  ),
  dea: phrases(
    'dea, dea number, dea registration, dea no, dea license, certificate number, prescriber dea, drug enforcement',
  ),
  mbi: phrases('mbi, medicare beneficiary, medicare beneficiary identifier, medicare, medicare id, medicare number'),
  hicn: phrases('hicn, health insurance claim, hic number, hic, medicare claim'),
  mrn: phrases(`mrn, mrns, mr, mr number, mr no, med rec, med rec no, medical record, medical records, medical record number, med record, medical rec, health record, record no, record number, record #, chart #, patient record, medical id, hospital id, hospital number, hosp no, hospital no, unit number,
    patient id, patient #, patient number, patient no, patient identifier, patientid, pat id, pt id, pt mrn, chart, chart number, chart no, chart id, record locator, emr, emr id, ehr id, epic id,
    nhc, nh, historia clínica, número de historia, historia, hc, n historia, expediente clínico, número de expediente, expediente, patientennummer, patienten nr, patienten id,
    patientennr, fallnummer, krankenaktennummer, dossier médical, numéro de dossier, numéro patient, ipp, nip, cartella clinica, numero cartella, id paziente,
    codice paziente, prontuário, número do prontuário, processo clínico, patiëntnummer, patientnummer, dossiernummer, numer pacjenta, numer kartoteki, karta pacjenta, numer dokumentacji medycznej, krankenakte, patientenakte, aktennummer, nº historia, clinical record, medical file, file médico`),
  id: phrases(`member id, member number, member no, member identification, memberid, membership, membership number, membership id, subscriber, subscriber id, subscriber number, beneficiary id, beneficiary number, enrollee id,
    insurance id, insurance number, insurance policy, insurance member, insurance card, health insurance, health plan, health plan id, plan id, plan number, group number, group id, group no, group #, case #, employee #, member #, plan #, customer #, client #, loan #, file #, student #, badge #, rx, rx #, rx number, prescription #, prescription number, policy, policy number, policy no,
    policy id, policyholder id, claim, claim number, claim no, claim id, case number, case id, case no, case file, docket, docket number, employee id, employee number, employee no, staff id, staff number, badge number, badge,
    payroll, payroll number, customer id, customer reference, customer ref, client reference, client ref, member reference, patient reference, customer number, customer no, client id, client number, client no, personal id, student id, student number, student no, loan number, loan id, loan account, loan, mortgage number, file number,
    registration id, medical license, medical license number, state license, license no md, national id, national identity, identity card, id card, id number, id no, identification number, identification no, identity number, government id, voter id, voter,
    medicaid, medicaid id, medicaid number, tax id, tax number, tax identification, taxpayer id, tin, utr, vat, vat number, abn, acn, tfn, sin, nas, aadhaar, aadhar, uidai, pan card, pan number, gstin, gst, uen, nric, fin, rrn, frn, brn, arn,
    personnummer, pnr, hetu, henkilötunnus, pesel, nip, regon, cpr, fødselsnummer, encounter, encounter id, encounter number, visit number, visit id, accession, accession number, specimen, specimen id, case reference, reference number, reference no, reference id, reference, ref no, ref number, ref #, ref, account reference, account ref, customer no, cust no, cust id, cust #, user id, profile id, contact id, contract, contract number, contract no, contract id, agreement number, application number, application id, application no,
    dni, nie, nif, cif, nass, cipa, nuss, naf, seguridad social, número de la seguridad social, documento nacional, documento de identidad, cédula, cédula de identidad, curp, rfc, nºcol, ncol, n col, col, colegiado, número de colegiado, episodio,
    número de póliza, póliza, número de afiliado, afiliado, número de socio, número de cliente, número de empleado, número de identificación, identificación de extranjero, tarjeta sanitaria,
    versichertennummer, versicherten nr, versicherungsnummer, versicherungs nr, versicherungsschein, krankenversicherungsnummer, krankenkasse, kvnr, egk, mitgliedsnummer, mitglieds nr, kundennummer, kunden nr, personalnummer, personal nr,
    schadennummer, schaden nr, policennummer, vertragsnummer, aktenzeichen, steuernummer, steuer id, steueridentifikationsnummer, idnr, id nr, steuerid, sozialversicherungsnummer, sv nummer, rentenversicherungsnummer, rvnr, personalausweis, personalausweisnummer, ausweisnummer, lanr, bsnr, arztnummer,
    numéro de sécurité sociale, sécurité sociale, nir, numéro client, numéro de client, adhérent, numéro d'adhérent, assuré, numéro d'assuré, police d'assurance, numéro de police, carte vitale, carte d'identité, numéro d'identité, matricule, siret, siren,
    codice fiscale, partita iva, tessera sanitaria, numero polizza, polizza, codice cliente, numero cliente, carta d'identità, matricola,
    rut, run, cpf, cnpj, número de utente, utente, apólice, cartão de cidadão, bilhete de identidade, número de contribuinte, contribuinte, número de beneficiário,
    bsn, burgerservicenummer, numer polisy, polisa, numer klienta, numer ubezpieczenia, numer członkowski, numer dowodu, dowód osobisty, numer sprawy, numer umowy, klantnummer, polisnummer, contractnummer, zaaknummer, dossiernummer, número de caso, número de contrato, contrato, número de referencia, referencia, referenz, referenznummer, vorgangsnummer, fallnummer, référence, numéro de référence, numéro de contrat, contrat, numero pratica, numero di pratica, numero contratto, riferimento, número de referência, referência, referentie, referentienummer, lidnummer, relatienummer, kimlik, tc kimlik, tckn, thai id, tnin, turkish id, rrn number, resident registration, company identity, south african id, rsa id, refugee id, permanent resident`),
  vin: phrases(
    'vin, vehicle identification, vehicle identification number, chassis, chassis number, vehicle id, fin, fahrgestellnummer, fahrzeug identifizierungsnummer, bastidor, número de bastidor, châssis, telaio, numero di telaio, chassi',
  ),
  plate:
    phrases(`plate, plates, license plate, licence plate, number plate, plate number, tag number, registration plate, car reg, reg plate, vehicle registration, vehicle reg, car registration, registration number, reg number, reg no, vehicles, vehicle,
    matrícula, placa, placas, kennzeichen, kfz kennzeichen, autokennzeichen, nummernschild, immatriculation, plaque, plaque d'immatriculation, targa, kenteken, plaka, plakası, numer rejestracyjny, tablica rejestracyjna, nr rejestracyjny, registration, reg, rego, lic plate, veh reg, plate no`),
  passport:
    phrases(`passport, passports, passport number, passport no, travel document, passportnumber, pasaporte, número de pasaporte, reisepass, reisepassnummer, pass nr, passnummer, passeport, numéro de passeport,
    passaporto, passaporte, paspoort, paspoortnummer, paszport, numer paszportu, nr paszportu, seria paszportu`),
  licence:
    phrases(`driver's license, drivers license, driver license, driver's licence, driving licence, driving license, driver licence, drivers licence, dl, dl number, dl no, license number, license no, driver id, license, licence,
    carnet de conducir, permiso de conducir, licencia de conducir, führerschein, führerscheinnummer, permis de conduire, numéro de permis, patente, patente di guida, carta de condução, cnh, rijbewijs, rijbewijsnummer, prawo jazdy, numer prawa jazdy, prawa jazdy`),
  imei: phrases('imei, imei number, imeisv, device imei, meid'),
  device:
    phrases(`serial, serial number, serial no, serialnumber, s n, sn, device serial, device id, device identifier, deviceid, udi, implant serial, pacemaker serial, device number, lot number, número de serie, seriennummer, serien nr, gerätenummer,
    numéro de série, numero di serie, matricola dispositivo, número de série, serienummer, udid, idfa, android id, advertising id`),
  other:
    phrases(`order, order number, order id, order no, tracking, tracking number, tracking id, invoice, invoice number, version, build, release, timestamp, epoch, ticket, ticket number, confirmation, confirmation number, reservation, flight,
    sku, product, product id, item, item number, part number, model, model number, isbn, issn, doi, upc, ean, barcode, port, error, error code, status, http, request id, session id, transaction id, trace id, commit, hash, checksum,
    page, pages, room, row, line, step, phone, phone number, telephone, tel, fax, mobile, cell, call, whatsapp, zip, postcode, plz, año, year, jahr, total, amount, price, balance, importe, betrag, montant, teléfono, telefon, téléphone, telefono,
    pedido, factura, bestellung, bestellnummer, rechnung, rechnungsnummer, commande, facture, ordine, fattura, pmid, rs, nct, grant, section, chapter, figure, table, case, kb, unix time, batch, quantity, qty, fee, fees, cost, costs, rate, size, file size, bytes, worth, score, count, followers, visitors, population, contract value`),
})

/** Whose number it may be, where `id`, `no.` or `#` stands in front of it and who or what is named further off. */
export const HOLDERS = cueOf(
  ...phrases(`insurance, insured, insurer, coverage, payer, plan, policyholder, policy, member, subscriber, beneficiary, patient, employee, customer, client,
    student, seguro, aseguradora, paciente, cliente, afiliado, versicherung, versicherter, patientin, kunde, mitglied, assurance, assuré, client, adhérent,
    assicurazione, paziente, utente, segurado, verzekering, patiënt, klant`),
)

const { bit } = LABELS
/** Cues by name, as bits. */
export const CUE = bit
