// SPDX-License-Identifier: Apache-2.0
// Invented people, with the UserInfo that Pro Santé Connect gives for them.
import { createHash } from 'node:crypto';

const STORAGE_ID = '550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd';

const ACTIVITY_FIELDS = [
  'codeModeExercice', 'codeSecteurDactivite', 'codeSectionPharmacien', 'codeRole',
  'codeGenreActivite', 'numeroSiretSite', 'numeroSirenSite', 'numeroFinessSite',
  'numeroFinessetablissementJuridique', 'identifiantTechniqueDeLaStructure', 'raisonSocialeSite',
  'enseigneCommercialeSite', 'complementDestinataire', 'complementPointGeographique',
  'numeroVoie', 'indiceRepetitionVoie', 'codeTypeDeVoie', 'libelleVoie', 'mentionDistribution',
  'bureauCedex', 'codePostal', 'codeCommune', 'codePays', 'telephone', 'telephone2', 'telecopie',
  'adresseEMail', 'codeDepartement', 'ancienIdentifiantDeLaStructure', 'autoriteDenregistrement',
];

const activity = (known) => ({
  ...Object.fromEntries(ACTIVITY_FIELDS.map((field) => [field, ''])), ...known,
});

const PEOPLE = [
  {
    id: '899700000011', given: 'Camille', family: 'ESSAI', origin: 'RPPS', title: 'Médecin',
    organization: 'CABINET FICTIF DES TILLEULS', sector: 'SA07', role: '10',
    refPro: {
      codeCivilite: 'MME',
      exercices: [{
        codeProfession: '10', codeCategorieProfessionnelle: 'C', codeCiviliteDexercice: 'DR',
        nomDexercice: 'ESSAI', prenomDexercice: 'CAMILLE', codeTypeSavoirFaire: 'S',
        codeSavoirFaire: 'SM54',
        activities: [
          activity({
            codeModeExercice: 'L', codeSecteurDactivite: 'SA07', codeGenreActivite: 'GENR01',
            raisonSocialeSite: 'CABINET FICTIF DES TILLEULS', numeroVoie: '1',
            libelleVoie: 'DES TILLEULS', codePostal: '75009', codeCommune: '75109',
            codeDepartement: '75',
          }),
          activity({
            codeModeExercice: 'S', codeSecteurDactivite: 'SA01', codeGenreActivite: 'GENR01',
            raisonSocialeSite: 'HOPITAL FICTIF DU LAC',
          }),
        ],
      }],
    },
  },
  {
    id: '899700000029', given: 'Dominique', family: 'EPREUVE', origin: 'RPPS',
    title: 'Infirmier', organization: 'HOPITAL FICTIF DU LAC', sector: 'SA01', role: '60',
    refPro: {
      codeCivilite: 'M',
      exercices: [{
        codeProfession: '60', codeCategorieProfessionnelle: 'C', codeCiviliteDexercice: 'M',
        nomDexercice: 'EPREUVE', prenomDexercice: 'DOMINIQUE', codeTypeSavoirFaire: '',
        codeSavoirFaire: '',
        activities: [activity({
          codeModeExercice: 'S', codeSecteurDactivite: 'SA01', codeGenreActivite: 'GENR01',
          raisonSocialeSite: 'HOPITAL FICTIF DU LAC',
        })],
      }],
    },
  },
  // Not in the national directory: Pro Santé Connect then gives names and identifier only.
  { id: 'ANS20261122000001', given: 'Sacha', family: 'MODELE', origin: 'EDIT', title: 'M' },
  // An employee known to a structure (CPA card): identifier of the structure, then of the employee.
  {
    id: '500000001815646/CPAT00045', given: 'Lou', family: 'SPECIMEN', origin: 'EDIT',
    title: 'Secrétaire', civility: 'MME',
  },
];

function userInfo(person) {
  const info = {
    SubjectNameID: person.id,
    preferred_username: person.id,
    given_name: person.given,
    family_name: person.family,
    email_verified: false,
    otherIds: [{ identifiant: person.id, origine: person.origin, qualite: 1 }],
  };
  if (!person.refPro) {
    return { ...info, codeCivilite: person.civility ?? 'M', ...person.claims };
  }
  return {
    ...info,
    UITVersion: '1.0',
    Palier_Authentification: 'APPPRIP3^1.2.250.1.213.1.5.1.1.1',
    PSI_Locale: '1.2.250.1.213.1.3.1.1',
    Mode_Acces_Raison: '',
    Acces_Regulation_Medicale: 'FAUX',
    SubjectOrganization: person.organization,
    SubjectOrganizationID: '',
    SubjectRole: [`${person.role}^1.2.250.1.213.1.1.5.5`],
    Secteur_Activite: `${person.sector}^1.2.250.1.71.4.2.4`,
    SubjectRefPro: person.refPro,
    ...person.claims,
  };
}

function uuidFrom(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-`
    + hex.slice(20, 32);
}

export class Accounts {
  #people;

  constructor(settings) {
    this.settings = settings;
    this.reset();
  }

  reset() {
    this.#people = new Map(PEOPLE.map((person) => [person.id, person]));
  }

  // An added person needs only an id; claims, when given, override the UserInfo built here.
  add({ id, given = 'Prénom', family = 'NOM', origin = 'RPPS', claims, refPro, ...rest }) {
    if (typeof id !== 'string' || !/^[0-9A-Za-z/]{1,64}$/.test(id)) throw new TypeError('bad id');
    this.#people.set(id, { id, given, family, origin, claims, refPro, ...rest });
  }

  // Accepts the identifier as PSC knows it, or an RPPS number without its leading 8.
  find(id) {
    return this.#people.get(id) ?? this.#people.get(/^\d{11}$/.test(id) ? `8${id}` : '');
  }

  list() {
    return [...this.#people.values()];
  }

  // The two forms of sub seen or announced: Keycloak's federated one, a bare UUID.
  subject(id) {
    return this.settings.sub_format === 'uuid' ? uuidFrom(id) : `f:${STORAGE_ID}:${id}`;
  }

  userInfo(id) {
    return userInfo(this.#people.get(id));
  }
}

export const PEOPLE_WITH_CARDS = PEOPLE;
