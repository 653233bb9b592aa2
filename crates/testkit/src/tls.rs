//! Certificates for private servers.

use std::net::IpAddr;
use std::path::PathBuf;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use tempfile::TempDir;

/// A certificate authority, with a folder for its certificate.
#[derive(Debug)]
pub struct CertificateAuthority {
    folder: TempDir,
    key: PKey<Private>,
    certificate: X509,
}

/// A server's certificate and key, as PEM.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl CertificateAuthority {
    /// # Errors
    /// When OpenSSL or the file system reports an error.
    pub fn new() -> anyhow::Result<Self> {
        let key = new_key()?;
        // Verifiers find the issuer by its name, so each authority needs a unique one.
        let name = name(&format!("Leadgate test authority {}", uuid::Uuid::now_v7().simple()))?;
        let mut builder = builder(&name, &key)?;
        builder.set_issuer_name(&name)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), certificate.to_pem()?)?;
        Ok(Self { folder, key, certificate })
    }

    /// The file with the certificate of the authority, for clients.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for a server at this IP address. It is not valid for any host name.
    ///
    /// # Errors
    /// When OpenSSL reports an error.
    pub fn issue(&self, address: IpAddr) -> anyhow::Result<ServerCertificate> {
        let key = new_key()?;
        let mut builder = builder(&name("Leadgate test server")?, &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().build()?)?;
        let mut names = SubjectAlternativeName::new();
        names.ip(&address.to_string());
        let names = names.build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(names)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(ServerCertificate { certificate: builder.build().to_pem()?, key: key.private_key_to_pem_pkcs8()? })
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn name(common: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, common)?;
    Ok(name.build())
}

fn builder(subject: &X509Name, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(2)?)?;
    Ok(builder)
}
