# SPDX-License-Identifier: Apache-2.0
"""What HL7 FHIR R4 (4.0.1) says of the resources that `sangam export --fhir`
writes: every element with its type and cardinality, the data types they are made
of, the value sets that are required, and the invariants that plain code can hold.

`faults_of(resource, here)` gives a list of sentences, empty when it conforms.
The elements are those of hl7.org/fhir/R4; data types that are not written
(Attachment, Range, Ratio, Narrative ...) are named but not described, so that one
that appears is a fault.
"""
import re

# name:type, then ! for 1..1, * for 0..*, + for 1..*, nothing for 0..1; of a code
# the value set that is required; of a Reference what it may point to.
ELEMENTS = {
    "Patient": """identifier:Identifier* active:boolean name:HumanName*
        telecom:ContactPoint* gender:code(administrative-gender) birthDate:date
        deceased[x]:boolean|dateTime address:Address*
        maritalStatus:CodeableConcept multipleBirth[x]:boolean|integer
        photo:Attachment* contact:Patient.contact*
        communication:Patient.communication*
        generalPractitioner:Reference(Organization,Practitioner,PractitionerRole)*
        managingOrganization:Reference(Organization) link:Patient.link*""",
    "Patient.contact": """relationship:CodeableConcept* name:HumanName
        telecom:ContactPoint* address:Address gender:code(administrative-gender)
        organization:Reference(Organization) period:Period""",
    "Patient.communication": "language:CodeableConcept! preferred:boolean",
    "Patient.link": """other:Reference(Patient,RelatedPerson)!
        type:code(link-type)!""",
    "Practitioner": """identifier:Identifier* active:boolean name:HumanName*
        telecom:ContactPoint* address:Address* gender:code(administrative-gender)
        birthDate:date photo:Attachment*
        qualification:Practitioner.qualification*
        communication:CodeableConcept*""",
    "Practitioner.qualification": """identifier:Identifier*
        code:CodeableConcept! period:Period issuer:Reference(Organization)""",
    "EpisodeOfCare": """identifier:Identifier*
        status:code(episode-of-care-status)!
        statusHistory:EpisodeOfCare.statusHistory* type:CodeableConcept*
        diagnosis:EpisodeOfCare.diagnosis* patient:Reference(Patient)!
        managingOrganization:Reference(Organization) period:Period
        referralRequest:Reference(ServiceRequest)*
        careManager:Reference(Practitioner,PractitionerRole)
        team:Reference(CareTeam)* account:Reference(Account)*""",
    "EpisodeOfCare.statusHistory": """status:code(episode-of-care-status)!
        period:Period!""",
    "EpisodeOfCare.diagnosis": """condition:Reference(Condition)!
        role:CodeableConcept rank:positiveInt""",
    "MedicationRequest": """identifier:Identifier*
        status:code(medicationrequest-status)! statusReason:CodeableConcept
        intent:code(medicationrequest-intent)! category:CodeableConcept*
        priority:code(request-priority) doNotPerform:boolean
        reported[x]:boolean|Reference
        medication[x]:CodeableConcept|Reference!
        subject:Reference(Patient,Group)! encounter:Reference(Encounter)
        supportingInformation:Reference* authoredOn:dateTime
        requester:Reference(Practitioner,PractitionerRole,Organization,Patient,RelatedPerson,Device)
        performer:Reference(Practitioner,PractitionerRole,Organization,Patient,Device,RelatedPerson,CareTeam)
        performerType:CodeableConcept
        recorder:Reference(Practitioner,PractitionerRole)
        reasonCode:CodeableConcept* reasonReference:Reference(Condition,Observation)*
        instantiatesCanonical:canonical* instantiatesUri:uri*
        basedOn:Reference(CarePlan,MedicationRequest,ServiceRequest,ImmunizationRecommendation)*
        groupIdentifier:Identifier courseOfTherapyType:CodeableConcept
        insurance:Reference(Coverage,ClaimResponse)* note:Annotation*
        dosageInstruction:Dosage*
        dispenseRequest:MedicationRequest.dispenseRequest
        substitution:MedicationRequest.substitution
        priorPrescription:Reference(MedicationRequest)
        detectedIssue:Reference(DetectedIssue)*
        eventHistory:Reference(Provenance)*""",
    "MedicationRequest.dispenseRequest": """initialFill:MedicationRequest.dispenseRequest.initialFill
        dispenseInterval:Duration validityPeriod:Period
        numberOfRepeatsAllowed:unsignedInt quantity:SimpleQuantity
        expectedSupplyDuration:Duration performer:Reference(Organization)""",
    "MedicationRequest.dispenseRequest.initialFill": """quantity:SimpleQuantity
        duration:Duration""",
    "MedicationRequest.substitution": """allowed[x]:boolean|CodeableConcept!
        reason:CodeableConcept""",
    "MedicationDispense": """identifier:Identifier* partOf:Reference(Procedure)*
        status:code(medicationdispense-status)!
        statusReason[x]:CodeableConcept|Reference category:CodeableConcept
        medication[x]:CodeableConcept|Reference!
        subject:Reference(Patient,Group)
        context:Reference(Encounter,EpisodeOfCare)
        supportingInformation:Reference*
        performer:MedicationDispense.performer* location:Reference(Location)
        authorizingPrescription:Reference(MedicationRequest)*
        type:CodeableConcept quantity:SimpleQuantity daysSupply:SimpleQuantity
        whenPrepared:dateTime whenHandedOver:dateTime
        destination:Reference(Location)
        receiver:Reference(Patient,Practitioner)* note:Annotation*
        dosageInstruction:Dosage*
        substitution:MedicationDispense.substitution
        detectedIssue:Reference(DetectedIssue)*
        eventHistory:Reference(Provenance)*""",
    "MedicationDispense.performer": """function:CodeableConcept
        actor:Reference(Practitioner,PractitionerRole,Organization,Patient,Device,RelatedPerson)!""",
    "MedicationDispense.substitution": """wasSubstituted:boolean!
        type:CodeableConcept reason:CodeableConcept*
        responsibleParty:Reference(Practitioner,PractitionerRole)*""",
    "ServiceRequest": """identifier:Identifier*
        instantiatesCanonical:canonical* instantiatesUri:uri*
        basedOn:Reference(CarePlan,ServiceRequest,MedicationRequest)*
        replaces:Reference(ServiceRequest)* requisition:Identifier
        status:code(request-status)! intent:code(request-intent)!
        category:CodeableConcept* priority:code(request-priority)
        doNotPerform:boolean code:CodeableConcept orderDetail:CodeableConcept*
        quantity[x]:Quantity|Ratio|Range
        subject:Reference(Patient,Group,Location,Device)!
        encounter:Reference(Encounter) occurrence[x]:dateTime|Period|Timing
        asNeeded[x]:boolean|CodeableConcept authoredOn:dateTime
        requester:Reference(Practitioner,PractitionerRole,Organization,Patient,RelatedPerson,Device)
        performerType:CodeableConcept
        performer:Reference(Practitioner,PractitionerRole,Organization,CareTeam,HealthcareService,Patient,Device,RelatedPerson)*
        locationCode:CodeableConcept* locationReference:Reference(Location)*
        reasonCode:CodeableConcept*
        reasonReference:Reference(Condition,Observation,DiagnosticReport,DocumentReference)*
        insurance:Reference(Coverage,ClaimResponse)* supportingInfo:Reference*
        specimen:Reference(Specimen)* bodySite:CodeableConcept*
        note:Annotation* patientInstruction:string
        relevantHistory:Reference(Provenance)*""",
    "Observation": """identifier:Identifier*
        basedOn:Reference(CarePlan,DeviceRequest,ImmunizationRecommendation,MedicationRequest,NutritionOrder,ServiceRequest)*
        partOf:Reference(MedicationAdministration,MedicationDispense,MedicationStatement,Procedure,Immunization,ImagingStudy)*
        status:code(observation-status)! category:CodeableConcept*
        code:CodeableConcept! subject:Reference(Patient,Group,Device,Location)
        focus:Reference* encounter:Reference(Encounter)
        effective[x]:dateTime|Period|Timing|instant issued:instant
        performer:Reference(Practitioner,PractitionerRole,Organization,CareTeam,Patient,RelatedPerson)*
        value[x]:Quantity|CodeableConcept|string|boolean|integer|Range|Ratio|SampledData|time|dateTime|Period
        dataAbsentReason:CodeableConcept interpretation:CodeableConcept*
        note:Annotation* bodySite:CodeableConcept method:CodeableConcept
        specimen:Reference(Specimen) device:Reference(Device,DeviceMetric)
        referenceRange:Observation.referenceRange*
        hasMember:Reference(Observation,QuestionnaireResponse,MolecularSequence)*
        derivedFrom:Reference(DocumentReference,ImagingStudy,Media,QuestionnaireResponse,Observation,MolecularSequence)*
        component:Observation.component*""",
    "Observation.component": """code:CodeableConcept!
        value[x]:Quantity|CodeableConcept|string|boolean|integer|Range|Ratio|SampledData|time|dateTime|Period
        dataAbsentReason:CodeableConcept interpretation:CodeableConcept*
        referenceRange:Observation.referenceRange*""",
    "Observation.referenceRange": """low:SimpleQuantity high:SimpleQuantity
        type:CodeableConcept appliesTo:CodeableConcept* age:Range
        text:string""",
    "Meta": """versionId:id lastUpdated:instant source:uri profile:canonical*
        security:Coding* tag:Coding*""",
    "Identifier": """use:code(identifier-use) type:CodeableConcept system:uri
        value:string period:Period assigner:Reference(Organization)""",
    "HumanName": """use:code(name-use) text:string family:string given:string*
        prefix:string* suffix:string* period:Period""",
    "ContactPoint": """system:code(contact-point-system) value:string
        use:code(contact-point-use) rank:positiveInt period:Period""",
    "Address": """use:code(address-use) type:code(address-type) text:string
        line:string* city:string district:string state:string
        postalCode:string country:string period:Period""",
    "CodeableConcept": "coding:Coding* text:string",
    "Coding": """system:uri version:string code:code display:string
        userSelected:boolean""",
    "Reference": """reference:string type:uri identifier:Identifier
        display:string""",
    "Period": "start:dateTime end:dateTime",
    "Quantity": """value:decimal comparator:code(quantity-comparator)
        unit:string system:uri code:code""",
    "SimpleQuantity": "value:decimal unit:string system:uri code:code",
    "Duration": """value:decimal comparator:code(quantity-comparator)
        unit:string system:uri code:code""",
    "Extension": """url:uri!
        value[x]:boolean|code|CodeableConcept|date|Quantity|Reference|string""",
    "Annotation": """author[x]:Reference|string time:dateTime text:markdown!""",
    "Dosage": """sequence:integer text:string
        additionalInstruction:CodeableConcept* patientInstruction:string
        timing:Timing asNeeded[x]:boolean|CodeableConcept site:CodeableConcept
        route:CodeableConcept method:CodeableConcept
        doseAndRate:Dosage.doseAndRate* maxDosePerPeriod:Ratio
        maxDosePerAdministration:SimpleQuantity
        maxDosePerLifetime:SimpleQuantity""",
    "Dosage.doseAndRate": """type:CodeableConcept dose[x]:Range|SimpleQuantity
        rate[x]:Ratio|Range|SimpleQuantity""",
    "Timing": "event:dateTime* repeat:Timing.repeat code:CodeableConcept",
    "Timing.repeat": """bounds[x]:Duration|Range|Period count:positiveInt
        countMax:positiveInt duration:decimal durationMax:decimal
        durationUnit:code(units-of-time) frequency:positiveInt
        frequencyMax:positiveInt period:decimal periodMax:decimal
        periodUnit:code(units-of-time) dayOfWeek:code(days-of-week)*
        timeOfDay:time* when:code(event-timing)* offset:unsignedInt""",
}
RESOURCES = ["Patient", "Practitioner", "EpisodeOfCare", "MedicationRequest",
             "MedicationDispense", "ServiceRequest", "Observation"]

CODES = {name: set(codes.split()) for name, codes in {
    "administrative-gender": "male female other unknown",
    "link-type": "replaced-by replaces refer seealso",
    "episode-of-care-status":
        "planned waitlist active onhold finished cancelled entered-in-error",
    "medicationrequest-status": "active on-hold cancelled completed"
        " entered-in-error stopped draft unknown",
    "medicationrequest-intent": "proposal plan order original-order"
        " reflex-order filler-order instance-order option",
    "medicationdispense-status": "preparation in-progress cancelled on-hold"
        " completed entered-in-error stopped declined unknown",
    "request-status":
        "draft active on-hold revoked completed entered-in-error unknown",
    "request-intent": "proposal plan directive order original-order"
        " reflex-order filler-order instance-order option",
    "request-priority": "routine urgent asap stat",
    "observation-status": "registered preliminary final amended corrected"
        " cancelled entered-in-error unknown",
    "identifier-use": "usual official temp secondary old",
    "name-use": "usual official temp nickname anonymous old maiden",
    "contact-point-system": "phone fax email pager url sms other",
    "contact-point-use": "home work temp old mobile",
    "address-use": "home work temp old billing",
    "address-type": "postal physical both",
    "quantity-comparator": "< <= >= >",
    "units-of-time": "s min h d wk mo a",
    "days-of-week": "mon tue wed thu fri sat sun",
    "event-timing": "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE"
        " EVE.early EVE.late NIGHT PHS HS WAKE C CM CD CV AC ACM ACD ACV PC PCM"
        " PCD PCV",
}.items()}

YEAR = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
DAY = r"-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1])"
TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
ZONE = r"(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
PRIMITIVES = {  # of the page on data types, of what is text in JSON
    "date": rf"{YEAR}({DAY})?)?",
    "dateTime": rf"{YEAR}({DAY}(T{TIME}{ZONE})?)?)?",
    "instant": rf"{YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[1-2][0-9]|3[0-1])"
               rf"T{TIME}{ZONE}",
    "time": TIME,
    "id": r"[A-Za-z0-9\-\.]{1,64}",
    "code": r"[^\s]+(\s[^\s]+)*",
    "uri": r"\S+",
    "canonical": r"\S+",
    "string": r"[ \r\n\t\S]*\S[ \r\n\t\S]*",
    "markdown": r"[ \r\n\t\S]*\S[ \r\n\t\S]*",
}
NUMBERS = {"integer": None, "unsignedInt": 0, "positiveInt": 1}
UCUM = "http://unitsofmeasure.org"


class Element:
    def __init__(self, text):
        name, _, kind = text.partition(":")
        self.name = name.removesuffix("[x]")
        self.choice = name.endswith("[x]")
        self.required = kind[-1] in "!+"
        self.many = kind[-1] in "*+"
        kinds = kind.rstrip("!*+")
        self.limit = None
        if "(" in kinds:
            kinds, _, limit = kinds.rstrip(")").partition("(")
            self.limit = limit.split(",")
        self.kinds = kinds.split("|")

    def names(self):
        """The names it may have in JSON, each with its type."""
        if not self.choice:
            return {self.name: self.kinds[0]}
        plain = {"SimpleQuantity": "Quantity"}
        return {self.name + (k := plain.get(kind, kind))[0].upper() + k[1:]:
                kind for kind in self.kinds}


TABLE = {kind: [Element(e) for e in text.split()]
         for kind, text in ELEMENTS.items()}
EVERYWHERE = [Element("extension:Extension*"), Element("id:string")]
OF_RESOURCES = [Element(e) for e in
                "id:id! meta:Meta! implicitRules:uri language:code"
                " extension:Extension*".split()]


# ---- invariants, by data type ------------------------------------------------

def quantity(v):
    if "code" in v and "system" not in v:
        yield "qty-3: a code without its system"


def duration(v):
    yield from quantity(v)
    if "value" in v and (v.get("system") != UCUM or "code" not in v):
        yield "drt-1: a value without a unit of UCUM"


def reference(v):
    if not {"reference", "identifier", "display"} & set(v):
        yield "a reference that says nothing"


def period(v):
    if "start" in v and "end" in v and v["start"] > v["end"]:
        yield "per-1: it starts after its end"


def contact(v):
    if not {"name", "telecom", "address", "organization"} & set(v):
        yield "pat-1: a contact that says nothing"


def contact_point(v):
    if "value" in v and "system" not in v:
        yield "cpt-2: a value without a system"


def observation(v):
    has = any(k.startswith("value") for k in v)
    if has and "dataAbsentReason" in v:
        yield "obs-6: a value, and a reason why there is none"
    if has and any(c.get("code") == v.get("code")
                   for c in v.get("component", [])):
        yield "obs-7: a component of the same code"


def dispense(v):
    if v.get("whenPrepared", "") > v.get("whenHandedOver", "~"):
        yield "mdd-1: handed over before it was prepared"


def repeat(v):
    if "period" in v and "periodUnit" not in v:
        yield "tim-2: a period without its unit"


def extension(v):
    if not any(k.startswith("value") for k in v) and "extension" not in v:
        yield "ext-1: neither a value nor extensions"


def numbered(v):
    """Ours, not HL7's: a number nobody can look up is none."""
    if "system" not in v or "value" not in v:
        yield "an identifier without its system or value"


INVARIANTS = {"Quantity": quantity, "SimpleQuantity": quantity,
              "Duration": duration, "Reference": reference, "Period": period,
              "Patient.contact": contact, "ContactPoint": contact_point,
              "Observation": observation, "MedicationDispense": dispense,
              "Timing.repeat": repeat, "Extension": extension,
              "Identifier": numbered}


# ---- looking -----------------------------------------------------------------

class Look:
    """Goes through one resource and notes what does not conform."""

    def __init__(self, here):
        self.here = here
        self.faults = []

    def note(self, path, sentence):
        self.faults.append(f"{path}: {sentence}")

    def primitive(self, path, kind, value, limit):
        if kind == "boolean":
            if not isinstance(value, bool):
                self.note(path, f"{value!r} is no boolean")
        elif kind in NUMBERS or kind == "decimal":
            whole = kind != "decimal"
            if (isinstance(value, bool) or not isinstance(value, (int, float))
                    or (whole and not isinstance(value, int))):
                self.note(path, f"{value!r} is no {kind}")
            elif whole and value < (NUMBERS[kind] or -2**31):
                self.note(path, f"{value!r} is too small for {kind}")
        elif not isinstance(value, str) or not re.fullmatch(PRIMITIVES[kind],
                                                            value):
            self.note(path, f"{value!r} is no {kind}")
        elif kind == "code" and limit and value not in CODES[limit[0]]:
            self.note(path, f"'{value}' is not in {limit[0]}")

    def value(self, path, kind, value, limit):
        if kind in PRIMITIVES or kind in NUMBERS or kind in ("boolean",
                                                             "decimal"):
            self.primitive(path, kind, value, limit)
        elif kind not in TABLE:
            self.note(path, f"a {kind}, which is not described here")
        elif not isinstance(value, dict) or not value:
            self.note(path, f"{value!r} is no {kind}")
        else:
            self.elements(path, kind, value, EVERYWHERE + TABLE[kind])
            if kind == "Reference":
                self.target(path, value, limit)

    def target(self, path, value, limit):
        to = value.get("reference")
        kind = value.get("type") if to is None else to.partition("/")[0]
        if to is not None and to not in self.here:
            self.note(path, f"{to} is not in the export")
        if limit and kind is not None and kind not in limit:
            self.note(path, f"points to a {kind}, not one of {limit}")

    def elements(self, path, kind, value, known):
        names = {n: (e, k) for e in known for n, k in e.names().items()}
        for name, item in value.items():
            if name not in names:
                self.note(path, f"there is no element {name}")
                continue
            element, of = names[name]
            inside = f"{path}.{name}"
            if element.many != isinstance(item, list) or item == []:
                self.note(inside, f"{item!r} is {'no' if element.many else 'a'}"
                                  " list")
                continue
            for each in item if element.many else [item]:
                self.value(inside, of, each, element.limit)
        for element in known:
            count = sum(n in value for n in element.names())
            if element.required and count == 0:
                self.note(path, f"{element.name} is missing")
            if count > 1:
                self.note(path, f"{element.name} is there {count} times")
        for sentence in INVARIANTS.get(kind, lambda _: ())(value):
            self.note(path, sentence)


def faults_of(resource, here):
    """`here` holds what references may point to: "Patient/..."."""
    look = Look(here)
    kind = resource.get("resourceType")
    if kind not in RESOURCES:
        return [f"there is no resource {kind}"]
    rest = {k: v for k, v in resource.items() if k != "resourceType"}
    look.elements(kind, kind, rest, OF_RESOURCES + TABLE[kind])
    return look.faults
