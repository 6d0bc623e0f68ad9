/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/words.h"

#include "agent/cpsctl/cpsctl.h"

const struct text_word words_reasons[] = {
    {"logout", N_("à la demande")},
    {"request", N_("à la demande")},
    {"screen", N_("avec l'écran")},
    {"borrowed", N_("poste emprunté")},
    {"returned", N_("poste rendu")},
    {"card_removed", N_("carte retirée")},
    {"replaced", N_("remplacée par une autre connexion")},
    {"expired", N_("durée maximale atteinte")},
    {"idle", N_("sans activité")},
    {"stopped", N_("arrêt de l'agent")},
    {"blocked", N_("carte ou personne bloquée sur ce poste")},
    {"untrusted", N_("autorité de la carte retirée")},
    {"revoked", N_("carte révoquée")},
    {"suspended", N_("mise en veille")},
    {"background", N_("autre utilisateur au premier plan")},
    {"locked", N_("écran verrouillé")},
    {0},
};

const struct text_word words_methods[] = {
    {"card", N_("carte CPS")},
    {"ecps", N_("e-CPS")},
    {"browser", N_("navigateur")},
    {"proxy", N_("e-CPS (proxy e-Santé)")},
    {0},
};

const struct text_word words_kinds[] = {
    {"statement", N_("attestation")},
    {"access", N_("jeton d'accès")},
    {"id", N_("jeton d'identité")},
    {"exchange", N_("jeton pour une autre API")},
    {"proxy", N_("requêtes par le proxy e-Santé")},
    {0},
};

const struct text_word words_pcsc[] = {
    {"up", N_("en service")},
    {"down", N_("absent")},
    {"refused", N_("accès refusé")},
    {"released", N_("rendu, en attendant le retour de cette session")},
    {"unknown", N_("inconnu")},
    {0},
};

const struct text_word words_providers[] = {
    {"up", N_("joignable")},
    {"down", N_("injoignable")},
    {"unknown", N_("pas encore appelé")},
    {0},
};
