"""What systems call customers, orders, ids and times: in English, German, French, Spanish, Chinese.

Names are compared without case, accents and signs: `Kunden-Nr.` is `kundennr`, `créé_le` `creele`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

_REFERENCES = (
    *("id", "uuid", "guid", "number", "no", "nr", "num", "nummer", "numero", "code", "ref"),
    *("reference", "key", "externalid", "kennung", "identifiant", "编号", "号", "号码", "代码"),
)
_PEOPLE = (
    *("customer", "kunde", "kunden", "client", "cliente", "klant", "客户", "顾客"),
    *("buyer", "kaufer", "acheteur", "comprador", "买家", "besteller", "requester", "melder"),
    *("anforderer", "demandeur", "solicitante", "申请人", "contact", "kontakt", "contacto"),
    *("联系人", "user", "benutzer", "utilisateur", "usuario", "用户", "member", "mitglied"),
    *("membre", "miembro", "会员", "subscriber", "abonnent", "abonne", "guest", "patient"),
    *("person", "partner"),
)
_MAYBE_PEOPLE = ("account", "konto", "compte", "cuenta", "账户", "账号", "submitter", "author")
_THINGS = (
    *("correlation", "order", "bestellung", "bestell", "auftrag", "auftrags", "commande"),
    *("pedido", "订单", "invoice", "rechnung", "rechnungs", "facture", "factura", "发票", "账单"),
    *("ticket", "vorgang", "vorgangs", "工单", "case", "fall", "dossier", "caso", "incident"),
    *("subscription", "abo", "vertrag", "vertrags", "contract", "contrat", "contrato", "合同"),
    *("delivery", "shipment", "lieferung", "liefer", "livraison", "envio", "物流", "运单"),
    *("object", "detail"),
)


def fold(name: str) -> str:
    """Return a name without case, accents and signs."""
    parts = unicodedata.normalize("NFKD", name).casefold()
    return "".join(each for each in parts if each.isalnum())


def _references(words: Iterable[str], *, bare: bool) -> Mapping[str, int]:
    """Return the names of an id of such a thing, and of the id inside it, by rank."""
    ranks: dict[str, int] = {}
    for rank, word in enumerate(words):
        for each in _REFERENCES:
            inside = (f"{word}.{each}", f"{word}s.{each}", f"{word}n.{each}")
            for name in (f"{word}{each}", f"{each}{word}", f"{each}de{word}", *inside):
                ranks.setdefault(name, 2 * rank)
        if bare:
            ranks.setdefault(word, 2 * rank + 1)
    return MappingProxyType(ranks)


@cache
def ranked(*names: str) -> Mapping[str, int]:
    """Return names by their rank."""
    return MappingProxyType({name: rank for rank, name in enumerate(names)})


def person(name: str) -> bool:
    """Whether this names somebody, or a list of them."""
    return any(name in (each, f"{each}s", f"{each}n", f"{each}en") for each in _PEOPLE)


CUSTOMERS: Mapping[str, int] = MappingProxyType(
    {**_references(_PEOPLE, bare=True), **ranked("kunnr", "partn")}
)
MAYBE_CUSTOMERS: Mapping[str, int] = MappingProxyType(
    {
        **_references(_MAYBE_PEOPLE, bare=True),
        **{name: 90 for name in ("customeremail", "email", "mail", "receiptemail", "courriel")},
        **{name: 91 for name in ("correo", "邮箱", "电子邮件", "phone", "telefon", "手机号")},
    }
)
SUBJECTS: Mapping[str, int] = MappingProxyType(
    {**_references(_THINGS, bare=True), "object": 999, "detail": 999, "belnr": 900, "单号": 901}
)

KINDS = ranked(
    *("type", "eventtype", "event", "kind", "topic", "action", "eventname", "webhookevent"),
    *("typ", "art", "ereignis", "ereignistyp", "ereignisart", "vorgangsart", "aktion"),
    *("evenement", "typeevenement", "evento", "tipo", "tipoevento"),
    *("类型", "事件", "事件类型", "消息类型", "msgtype", "messagetype", "mestyp"),
)
DEEP_KINDS = frozenset(
    {"eventtype", "eventname", "ereignistyp", "tipoevento", "事件类型", "mestyp"}
)
EVENT_IDS = ranked(
    *("eventid", "messageid", "deliveryid", "notificationid", "eventuuid", "ereignisid"),
    *("ereignisnummer", "nachrichtid", "idevenement", "evenementid", "idevento", "eventoid"),
    *("事件id", "事件编号", "消息id", "消息编号", "流水号", "docnum", "msgid"),
)
IDS = ranked(
    *("id", "uuid", "guid", "reference", "referenz", "kennung", "identifiant"),
    *("identificador", "编号", "标识", "nummer", "numero", "number"),
)
EVENT_TIMES = ranked(
    *("occurredat", "occurredon", "eventtime", "eventdate", "eventtimestamp", "happenedat"),
    *("ereigniszeit", "ereigniszeitpunkt", "dateevenement", "fechaevento"),
    *("发生时间", "事件时间"),
)
TIMES = ranked(
    *("time", "timestamp", "ts", "at", "date", "datetime", "stamp", "zeitpunkt", "zeit"),
    *("zeitstempel", "horodatage", "heure", "fechahora", "时间", "时间戳"),
    *("datum", "fecha", "日期"),
    *("updatedat", "updated", "modifiedat", "lastmodified", "geandert", "geandertam"),
    *("aktualisiert", "aktualisiertam", "modifiele", "misajourle", "actualizado"),
    *("actualizadoel", "更新时间", "修改时间"),
    *("createdat", "created", "erstellt", "erstelltam", "angelegt", "angelegtam", "cree"),
    *("creele", "datecreation", "datedecreation", "creado", "creadoel", "fechacreacion"),
    *("创建时间", "下单时间", "credat"),
)
TIMES_END = ("at", "on", "time", "date", "zeit", "datum", "timestamp", "时间", "日期")
NOT_WHEN = (
    *("birth", "geburt", "naissance", "nacimiento", "生日", "出生", "due", "expir", "fallig"),
    *("until", "end", "trial", "到期", "deadline", "promised", "expected", "format"),
)
ENVELOPES = frozenset(
    {
        *("event", "meta", "metadata", "header", "headers", "envelope", "control", "edidc40"),
        *("ereignis", "kopf", "evenement", "entete", "evento", "cabecera", "事件", "消息头"),
    }
)
DETAILS: Mapping[str, str] = MappingProxyType(
    {
        **{
            name: ""
            for name in (
                *("status", "priority", "currency", "amount", "amountdue", "total", "totalprice"),
                *("reason", "country", "region", "product", "plan", "channel", "sequence", "late"),
            )
        },
        **dict.fromkeys(("betrag", "summe", "gesamtbetrag", "montant", "importe"), "amount"),
        **dict.fromkeys(("金额", "总金额", "订单金额"), "amount"),
        **dict.fromkeys(("prioritat", "priorite", "prioridad", "优先级"), "priority"),
        **dict.fromkeys(("statut", "estado", "zustand", "状态"), "status"),
        **dict.fromkeys(("wahrung", "devise", "moneda", "币种", "货币"), "currency"),
        **dict.fromkeys(("produkt", "produit", "producto", "产品", "商品"), "product"),
        **dict.fromkeys(("kanal", "canal", "渠道"), "channel"),
        **dict.fromkeys(("land", "pays", "pais", "国家"), "country"),
    }
)
EMAILS = ranked(
    *("email", "emailaddress", "mail", "emailadresse", "courriel", "correo"),
    *("correoelectronico", "邮箱", "电子邮件", "customeremail", "kundenemail"),
)
PHONES = ranked(
    *("phone", "mobile", "phonenumber", "mobilephone", "telefon", "telefonnummer", "handy"),
    *("telephone", "telefono", "手机", "手机号", "电话", "customerphone"),
)
FULL_NAMES = ranked(
    *("name", "fullname", "displayname", "customername", "kundenname", "nom", "nombre"),
    *("姓名", "客户名称", "客户姓名"),
)
FIRST_NAMES = ranked("firstname", "givenname", "vorname", "prenom")
LAST_NAMES = ranked("lastname", "familyname", "surname", "nachname", "apellido")
LOCALES = ranked(
    *("locale", "language", "lang", "customerlocale", "sprache", "langue", "idioma"),
    *("preferredlanguage", "preferredlocale", "语言"),
)
ZONES = ranked("timezone", "ianatimezone", "tz", "zeitzone", "fuseauhoraire", "zonahoraria", "时区")
SEGMENTS = ranked("segment", "customersegment", "kundensegment", "kundengruppe", "tier", "客户等级")
VALUES = ranked("annualvalue", "annualrevenue", "jahresumsatz", "arr", "年消费额", "年消费")
CONSENTS = ranked(
    *("acceptsmarketing", "consent", "optin", "einwilligung", "consentement"),
    *("consentimiento", "同意", "marketingconsent"),
)
CONSENTED = ranked(
    *("consentat", "consentdate", "acceptsmarketingupdatedat", "einwilligungam"),
    *("dateconsentement", "同意时间"),
)
