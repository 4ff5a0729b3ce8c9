//! The names in a certificate.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Any, Decode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What a subject's common name is called (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Common names of the subject, then its DNS and URI names; none where the certificate cannot be read.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else { return Vec::new() };
    let certificate = certificate.tbs_certificate();
    let subject = certificate.subject().iter();
    let mut names: Vec<String> = subject
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .filter_map(|attribute| text(&attribute.value))
        .collect();
    if let Ok(Some((_, SubjectAltName(others)))) = certificate.get_extension::<SubjectAltName>() {
        names.extend(others.iter().filter_map(|other| match other {
            GeneralName::DnsName(name) | GeneralName::UniformResourceIdentifier(name) => {
                Some(name.to_string())
            }
            _ => None,
        }));
    }
    names
}

/// A name in one of the forms that are in use.
fn text(value: &Any) -> Option<String> {
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.to_string());
    let printable = || value.decode_as::<PrintableStringRef<'_>>().map(|text| text.to_string());
    let ascii = || value.decode_as::<Ia5StringRef<'_>>().map(|text| text.to_string());
    utf8.or_else(|_| printable()).or_else(|_| ascii()).ok()
}
